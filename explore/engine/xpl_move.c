/* SPDX-License-Identifier: MIT */
/*
 * When an object turns out to be shared, in the middle of a search: what was explored so far stays
 * explored. In all those executions no two threads raced for the object, or it would have been
 * found earlier, so that its accesses as steps would have led to no other decision. Only the
 * execution at hand must be rewritten: it is run again from the start, with the decisions of then,
 * and each access of the object becomes a step at the moment at which it was none. From there the
 * search goes on with the old nodes and the new ones between them.
 */
#include <string.h>

#include "explore/engine/xpl_state.h"

static struct xpl_node moved[XPL_STEPS]; /* The nodes of then … */
static unsigned moved_count;
static unsigned moved_at; /* … and how many have been repeated. */

bool xpl_search_move(void)
{
    /* Shards count steps from the start, bounded searches sum up what each costs. */
    if (xpl.newly_shared == XPL_NO_PLACE || xpl.options.shards > 1 ||
        (xpl.options.strategy != XPL_EXHAUST && xpl.options.strategy != XPL_SLEEP)) {
        return false;
    }
    if (xpl.moving) { /* Something else turned up while the last one was being repeated. */
        return false;
    }
    moved_count = xpl.now.step;
    moved_at = 0;
    memcpy(moved, xpl.nodes, moved_count * sizeof(moved[0]));
    xpl_checkpoint_forget();
    xpl.depth = 0;
    xpl.moving = true;
    return true;
}

/*
 * The process that is about to access the object, where it did so without a step then. Under TSO a
 * locked operation was one all the same; and a store was in memory at once, so that now its flush
 * follows as soon as the buffer allows.
 */
static int access_due(void)
{
    for (unsigned i = 0; i < xpl.threads; i++) {
        const struct xpl_running *thread = &xpl.thread[i];

        if (thread->buffer_count > 0 &&
            thread->buffer[thread->buffer_first].place == xpl.newly_shared) {
            return (int)(XPL_THREADS + i);
        }
        if (!thread->done && thread->op.place == xpl.newly_shared &&
            (thread->op.flags & XPL_OP_DRAINS) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool xpl_move_pick(unsigned step)
{
    struct xpl_node *node = &xpl.nodes[step];
    int process;

    if (moved_at == moved_count) {
        xpl.moving = false;
        return false;
    }
    process = access_due();
    if (process < 0) {
        *node = moved[moved_at++];
        return true;
    }
    xpl_search_enabled(node);
    if (step > 0) {
        xpl_search_sleep(&xpl.nodes[step - 1], node);
    }
    node->backtrack = xpl.options.strategy == XPL_SLEEP ? node->enabled : (uint16_t)(1u << process);
    return xpl_search_choose(node, (unsigned)process);
}
