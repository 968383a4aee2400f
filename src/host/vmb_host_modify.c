/* SPDX-License-Identifier: MIT */
/*
 * Whom a channel interrupts, and how that moves to another VP under traffic.
 *
 * From version 5.3 on the guest takes the old VP down as soon as it has our answer, so after the
 * answer no interrupt may go there. Target and number of threads that interrupt it right now are
 * one atomic word:
 *
 *     31      19 18        8  7          6     0
 *     |   VP   |   flag    | generation | count |
 *
 * A signaller adds one to the word and so learns the target and is counted for it in one step.
 * A move replaces the whole word by the new target, the other generation and the count 0; from
 * that step on nobody can learn the old target. Those counted in the old word are added to
 * `draining`; each of them sees on leaving that the generation is not its own any more and takes
 * itself off `draining` instead (perhaps before it was added there: the sum is what counts). At 0
 * the last interrupt for the old VP has been raised, and the answer goes out. A second move waits
 * for that, so two generations are enough.
 *
 * The word itself says all that a signaller needs, so to read or set it is relaxed. Only leaving is
 * a release: whoever finds that all have left, with an acquire, has their interrupts behind him.
 */
#include "host/vmb_host_internal.h"

#define TARGET_COUNT      0x7Fu /* An endpoint has one writer and one reader: at most 2. */
#define TARGET_GENERATION 0x80u
#define TARGET_FLAG_SHIFT 8u
#define TARGET_FLAG_MASK  0x7FFu
#define TARGET_VP_SHIFT   19u
#define TARGET_VP_NONE    0x1FFFu

static uint32_t target_pack(uint32_t vp, uint16_t flag)
{
    return (vp == VMB_VP_NONE ? TARGET_VP_NONE : vp) << TARGET_VP_SHIFT | (flag & TARGET_FLAG_MASK)
                                                                              << TARGET_FLAG_SHIFT;
}

/* Nobody signals. */
void vmbi_host_target_set(struct vmb_host_channel *channel, uint32_t vp, uint16_t flag)
{
    vmb_atomic_store(&channel->target, target_pack(vp, flag), VMB_RELAXED);
    vmb_atomic_store(&channel->draining, 0, VMB_RELAXED);
}

uint32_t vmb_host_channel_target_vp(const struct vmb_host_channel *channel)
{
    uint32_t vp = vmb_atomic_load(&channel->target, VMB_RELAXED) >> TARGET_VP_SHIFT;

    return vp == TARGET_VP_NONE ? VMB_VP_NONE : vp;
}

uint16_t vmbi_host_target_flag(const struct vmb_host_channel *channel)
{
    uint32_t target = vmb_atomic_load(&channel->target, VMB_RELAXED);

    return (uint16_t)(target >> TARGET_FLAG_SHIFT & TARGET_FLAG_MASK);
}

bool vmbi_host_target_idle(const struct vmb_host_channel *channel)
{
    return (vmb_atomic_load(&channel->target, VMB_RELAXED) & TARGET_COUNT) == 0 &&
           vmb_atomic_load(&channel->draining, VMB_RELAXED) == 0;
}

/* True if nobody interrupts the old target any more. */
static bool target_move(struct vmb_host_channel *channel, uint32_t vp)
{
    uint32_t old = vmb_atomic_load(&channel->target, VMB_RELAXED);
    uint32_t desired, count;

    do {
        uint16_t flag = (uint16_t)(old >> TARGET_FLAG_SHIFT & TARGET_FLAG_MASK);

        desired = target_pack(vp, flag) | ((old & TARGET_GENERATION) ^ TARGET_GENERATION);
        /* Acquire: pairs with the release of those who have left; their interrupts are raised. */
    } while (
        !vmb_atomic_compare_exchange(&channel->target, &old, desired, VMB_ACQUIRE, VMB_RELAXED));
    count = old & TARGET_COUNT;
    return vmb_atomic_fetch_add(&channel->draining, count, VMB_ACQUIRE) + count == 0;
}

static void target_leave(struct vmb_host_channel *channel, uint32_t entered)
{
    uint32_t now = vmb_atomic_load(&channel->target, VMB_RELAXED);

    while (((now ^ entered) & TARGET_GENERATION) == 0) {
        /* Release: the interrupt has been raised. Pairs with the acquire in target_move(). */
        if (vmb_atomic_compare_exchange(&channel->target, &now, now - 1, VMB_RELEASE,
                                        VMB_RELAXED)) {
            return;
        }
    }
    /* Release: likewise; pairs with the acquires in target_move() and modify_settle. */
    if (vmb_atomic_fetch_add(&channel->draining, UINT32_MAX, VMB_RELEASE) == 1) {
        vmbi_host_wake(channel->host, VMBI_HOST_WAKE_SETTLE);
    }
}

void vmbi_host_doorbell(void *context)
{
    struct vmb_host_channel *channel = context;
    struct vmb_host *host = channel->host;
    uint32_t entered = vmb_atomic_fetch_add(&channel->target, 1, VMB_RELAXED);
    uint32_t vp = entered >> TARGET_VP_SHIFT;
    uint16_t flag = (uint16_t)(entered >> TARGET_FLAG_SHIFT & TARGET_FLAG_MASK);

    if (vp != TARGET_VP_NONE) {
        if (channel->legacy) {
            /* Release: the ring was written before the bit; the guest takes it with an exchange. */
            vmbi_shm_fetch_or(host->connection.interrupt_page.base, flag / 32u * 4u,
                              1u << flag % 32u, VMB_RELEASE);
            flag = 0;
        }
        vmb_atomic_fetch_add(&channel->events_raised, 1, VMB_RELAXED);
        vmbi_host_raise(channel, vp, flag);
    }
    target_leave(channel, entered);
}

static void modify_answer(struct vmb_host_channel *channel, uint32_t relid, uint32_t status)
{
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE};

    message.u.modify_channel_response.relid = relid;
    message.u.modify_channel_response.status = status;
    vmbi_host_send(channel->host, &message); /* Nothing below 5.3: there is no such message. */
}

static void modify_finish(struct vmb_host_channel *channel)
{
    channel->modifying = false;
    channel->host->debts--;
    modify_answer(channel, channel->offer.relid, VMB_NTSTATUS_SUCCESS);
}

static void modify_begin(struct vmb_host_channel *channel, uint32_t vp)
{
    channel->modifying = true;
    channel->modify_next = false;
    channel->host->debts++;
    channel->retargets++;
    if (target_move(channel, vp)) {
        modify_finish(channel);
    } else {
        channel->host->settle_due = true;
    }
    if (channel->hooks != NULL && channel->hooks->modified != NULL) {
        channel->hooks->modified(channel->device, channel, vp);
    }
}

void vmbi_host_modify_settle(struct vmb_host_channel *channel)
{
    if (!channel->modifying) {
        return;
    }
    /* Pairs with the release in target_leave(): the last interrupt is raised before we answer. */
    if (vmb_atomic_load(&channel->draining, VMB_ACQUIRE) != 0) {
        channel->host->settle_due = true;
        return;
    }
    modify_finish(channel);
    if (channel->modify_next) {
        modify_begin(channel, channel->modify_next_vp);
    }
}

void vmbi_host_modify_cancel(struct vmb_host_channel *channel)
{
    if (channel->modifying) {
        channel->host->debts--;
    }
    channel->modifying = false;
    channel->modify_next = false;
}

void vmbi_host_modify(struct vmb_host *host, const struct vmb_msg_modify_channel *request)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, request->relid);

    if (channel == NULL || channel->state == VMB_HOST_CHANNEL_REVOKED ||
        channel->state == VMB_HOST_CHANNEL_REOFFERED) {
        vmbi_host_unexpected(host, "ModifyChannel of no channel", request->relid);
        return; /* A revoked channel gets no answer: the guest gets a rescind. */
    }
    if (channel->state != VMB_HOST_CHANNEL_OPEN || channel->reserved ||
        vmb_host_channel_target_vp(channel) == VMB_VP_NONE ||
        request->target_vp >= host->options.vp_count) {
        host->counters.modifies_refused++;
        modify_answer(channel, request->relid, VMB_NTSTATUS_FAILURE);
    } else if (!channel->modifying) {
        modify_begin(channel, request->target_vp);
    } else if (host->connection.version < VMB_VERSION_5_3) {
        channel->modify_next = true; /* Nobody gets an answer, so the latest wish is the one. */
        channel->modify_next_vp = request->target_vp;
    } else {
        host->counters.modifies_refused++;
        vmbi_host_unexpected(host, "ModifyChannel while one is under way: channel", request->relid);
    }
}
