/* SPDX-License-Identifier: MIT */
/* See vmb_sim_virtual.h. */
#include "sim/vmb_sim_virtual.h"

#include <inttypes.h>
#include <string.h>

#define VIRTUAL_STREAM       200u
#define VIRTUAL_DELAY_NS     20000u
#define VIRTUAL_STALL_NS     1000000u
#define VIRTUAL_LONG         50u      /* How many times as long a long delay is. */
#define VIRTUAL_ACT_NS       300u     /* What an act takes, at the most. */
#define VIRTUAL_NESTED_NS    30000u   /* Who is due within this may act nested. */
#define VIRTUAL_FIRST_NS     1000000u /* The clock begins here: 0 means "never" to some. */
#define VIRTUAL_DIGEST_PRIME 0x100000001B3u
#define VIRTUAL_DIGEST_START 0xCBF29CE484222325u

/* ---- Digest and trace ------------------------------------------------------------------------ */

static void virtual_mix(struct vmb_sim_virtual *runner, uint64_t value)
{
    runner->digest = (runner->digest ^ value) * VIRTUAL_DIGEST_PRIME;
    runner->digest ^= runner->digest >> 29;
}

static void virtual_mix_bytes(struct vmb_sim_virtual *runner, const void *bytes, size_t count)
{
    const uint8_t *byte = bytes;

    for (size_t i = 0; i < count; i++) {
        runner->digest = (runner->digest ^ byte[i]) * VIRTUAL_DIGEST_PRIME;
    }
}

static void virtual_trace_time(const struct vmb_sim_virtual *runner)
{
    uint64_t ns = runner->now_ns - VIRTUAL_FIRST_NS;

    fprintf(runner->options.trace, "%6" PRIu64 ".%03" PRIu64 " us %*s", ns / 1000, ns % 1000,
            (int)(2 * runner->depth), "");
}

void vmb_sim_virtual_note(struct vmb_sim_virtual *runner, const char *what, uint64_t first,
                          uint64_t second)
{
    virtual_mix(runner, runner->now_ns);
    virtual_mix_bytes(runner, what, strlen(what));
    virtual_mix(runner, first);
    virtual_mix(runner, second);
    if (runner->options.trace != NULL) {
        virtual_trace_time(runner);
        fprintf(runner->options.trace, "%s %" PRIu64 " %" PRIu64 "\n", what, first, second);
    }
}

static void virtual_trace_message(const struct vmb_sim_virtual *runner, bool to_guest,
                                  const void *bytes, uint32_t byte_count)
{
    const struct vmb_host *host = runner->world->host.host;
    uint32_t version = host != NULL ? vmb_host_version(host) : 0;
    uint32_t features = host != NULL ? vmb_host_features(host) : 0;
    struct vmb_message message;
    char text[512];

    virtual_trace_time(runner);
    if (vmb_message_decode(bytes, byte_count, to_guest ? VMB_HOST_TO_GUEST : VMB_GUEST_TO_HOST,
                           version, features, &message) == VMB_OK) {
        (void)vmb_message_print(&message, text, sizeof(text));
    } else {
        (void)snprintf(text, sizeof(text), "message of %" PRIu32 " bytes", byte_count);
    }
    fprintf(runner->options.trace, "%s %s\n", to_guest ? "host says" : "guest says", text);
}

/* ---- Who is due ------------------------------------------------------------------------------ */

static uint64_t virtual_delay(struct vmb_sim_virtual *runner, uint32_t pace)
{
    uint32_t delay = pace * vmb_sim_random_below(&runner->random, runner->options.delay_ns) + 1;

    if (runner->faults_on &&
        vmb_sim_random_chance(&runner->random, runner->options.long_per_mille)) {
        return (uint64_t)delay * VIRTUAL_LONG;
    }
    return delay;
}

static void virtual_due(struct vmb_sim_virtual_actor *self, uint64_t due_ns)
{
    if (due_ns < self->due_ns) {
        self->due_ns = due_ns;
        self->turn = self->runner->turn++;
    }
}

static void virtual_notify(void *runner, struct vmb_sim_actor *actor)
{
    struct vmb_sim_virtual_actor *self = actor->runner_actor;

    virtual_due(self,
                ((struct vmb_sim_virtual *)runner)->now_ns + virtual_delay(runner, self->pace));
}

static uint64_t virtual_when(const struct vmb_sim_virtual_actor *self)
{
    if (self->due_ns == VMB_NEVER || self->stalled_ns <= self->due_ns) {
        return self->due_ns;
    }
    return self->stalled_ns;
}

/* The guest's VP is stopped by waiting for its actors, so none of them may be below it then. */
static bool virtual_may_nest(const struct vmb_sim_virtual *runner,
                             const struct vmb_sim_virtual_actor *self)
{
    const struct vmb_sim_world *world = runner->world;

    return self->nests && !self->acting &&
           !(self->actor == &world->guest.control && world->guest.vp_stopping);
}

static void virtual_step(struct vmb_sim_virtual *runner, struct vmb_sim_virtual_actor *self)
{
    struct vmb_sim_actor *actor = self->actor;
    bool more;

    self->due_ns = VMB_NEVER;
    self->acting = true;
    runner->depth++;
    runner->acts++;
    vmb_sim_virtual_note(runner, actor->name, actor->index, runner->depth);
    (void)vmb_atomic_exchange(&actor->woken, 0u, VMB_SEQ_CST);
    more = actor->step(actor->context);
    runner->depth--;
    self->acting = false;
    runner->now_ns += vmb_sim_random_below(&runner->random, VIRTUAL_ACT_NS);
    if (more) {
        virtual_due(self, runner->now_ns + virtual_delay(runner, self->pace));
    }
    if (actor->next_deadline_ns != NULL) {
        virtual_due(self, actor->next_deadline_ns(actor->context));
    }
    if (runner->faults_on &&
        vmb_sim_random_chance(&runner->random, runner->options.stall_per_mille)) {
        self->stalled_ns =
            runner->now_ns + vmb_sim_random_below(&runner->random, runner->options.stall_ns);
    }
}

/* Somebody acts while another is in the middle of something. */
static void virtual_preempt(struct vmb_sim_virtual *runner)
{
    struct vmb_sim_virtual_actor *candidates[VMB_SIM_VIRTUAL_ACTORS];
    uint32_t count = 0;

    if (runner->depth == 0 || runner->depth >= VMB_SIM_VIRTUAL_DEPTH ||
        !vmb_sim_random_chance(&runner->random, runner->options.preempt_per_mille)) {
        return;
    }
    for (uint32_t i = 0; i < runner->actor_count; i++) {
        struct vmb_sim_virtual_actor *self = &runner->actors[i];

        if (virtual_may_nest(runner, self) &&
            virtual_when(self) <= runner->now_ns + VIRTUAL_NESTED_NS) {
            candidates[count++] = self;
        }
    }
    if (count != 0) {
        runner->preemptions++;
        virtual_step(runner, candidates[vmb_sim_random_below(&runner->random, count)]);
    }
}

/* ---- Signals on their way -------------------------------------------------------------------- */

static void virtual_deliver(struct vmb_sim_virtual *runner, uint32_t index)
{
    struct vmb_sim_effect effect = runner->effects[index].effect;

    runner->effects[index] = runner->effects[--runner->effect_count];
    vmb_sim_virtual_note(runner, effect.to_guest ? "event for VP" : "doorbell of connection",
                         effect.target, effect.flag);
    if (effect.to_guest) {
        vmb_sim_host_deliver(&runner->world->host, &effect);
    } else {
        vmb_sim_guest_deliver(&runner->world->guest, &effect);
    }
}

void vmb_sim_virtual_flush(struct vmb_sim_virtual *runner, bool to_guest)
{
    for (uint32_t i = 0; i < runner->effect_count;) {
        if (runner->effects[i].effect.to_guest == to_guest) {
            virtual_deliver(runner, i);
        } else {
            i++;
        }
    }
}

static bool virtual_put_off(void *context, const struct vmb_sim_effect *effect)
{
    struct vmb_sim_virtual *runner = context;

    if (!runner->faults_on || runner->effect_count == VMB_SIM_VIRTUAL_EFFECTS ||
        !vmb_sim_random_chance(&runner->random, runner->options.put_off_per_mille)) {
        return false;
    }
    runner->effects[runner->effect_count].effect = *effect;
    runner->effects[runner->effect_count].due_ns =
        runner->now_ns + virtual_delay(runner, 1) + virtual_delay(runner, 1);
    runner->effect_count++;
    return true;
}

/* ---- The tap --------------------------------------------------------------------------------- */

static vmb_status virtual_before(void *context, enum vmb_sim_point point)
{
    struct vmb_sim_virtual *runner = context;
    vmb_status status = runner->before != NULL ? runner->before(runner->context, point) : VMB_OK;

    if (status != VMB_OK) {
        vmb_sim_virtual_note(runner, vmb_status_name(status), (uint64_t)point, 0);
        return status;
    }
    if (point == VMB_SIM_POINT_HOST_POST) {
        vmb_sim_virtual_flush(runner, true);
    }
    virtual_preempt(runner);
    return VMB_OK;
}

static bool virtual_lose(void *context, enum vmb_sim_point point)
{
    struct vmb_sim_virtual *runner = context;
    bool lost = runner->lose != NULL && runner->lose(runner->context, point);

    if (lost) {
        vmb_sim_virtual_note(runner, "LOST on purpose", (uint64_t)point, 0);
    }
    return lost;
}

static void virtual_after(void *context, enum vmb_sim_point point)
{
    (void)point;
    virtual_preempt(context);
}

static void virtual_message(void *context, bool to_guest, const void *bytes, uint32_t byte_count)
{
    struct vmb_sim_virtual *runner = context;

    virtual_mix(runner, runner->now_ns);
    virtual_mix_bytes(runner, bytes, byte_count);
    if (runner->options.trace != NULL) {
        virtual_trace_message(runner, to_guest, bytes, byte_count);
    }
    if (runner->message != NULL) {
        runner->message(runner->context, to_guest, bytes, byte_count);
    }
}

static uint64_t virtual_now(void *context)
{
    return ((struct vmb_sim_virtual *)context)->now_ns;
}

/* ---- The runner ------------------------------------------------------------------------------ */

void vmb_sim_virtual_init(struct vmb_sim_virtual *runner,
                          const struct vmb_sim_virtual_options *options,
                          struct vmb_sim_machine_options *machine)
{
    memset(runner, 0, sizeof(*runner));
    runner->options = *options;
    if (runner->options.delay_ns == 0) {
        runner->options.delay_ns = VIRTUAL_DELAY_NS;
    }
    if (runner->options.stall_ns == 0) {
        runner->options.stall_ns = VIRTUAL_STALL_NS;
    }
    runner->random = vmb_sim_random_of(options->seed, VIRTUAL_STREAM);
    runner->digest = VIRTUAL_DIGEST_START;
    runner->now_ns = VIRTUAL_FIRST_NS;
    runner->tap = (struct vmb_sim_tap){
        .context = runner,
        .before = virtual_before,
        .after = virtual_after,
        .lose = virtual_lose,
        .message = virtual_message,
        .put_off = virtual_put_off,
    };
    machine->now_ns = virtual_now;
    machine->now_context = runner;
    machine->tap = &runner->tap;
}

struct vmb_sim_virtual_actor *vmb_sim_virtual_add(struct vmb_sim_virtual *runner,
                                                  struct vmb_sim_actor *actor)
{
    struct vmb_sim_virtual_actor *self = &runner->actors[runner->actor_count++];

    *self = (struct vmb_sim_virtual_actor){
        .runner = runner, .actor = actor, .due_ns = VMB_NEVER, .pace = 1};
    actor->runner = runner;
    actor->runner_actor = self;
    actor->notify = virtual_notify;
    /* It may have been woken before anybody listened. */
    virtual_due(self, runner->now_ns + virtual_delay(runner, self->pace));
    return self;
}

void vmb_sim_virtual_adopt(struct vmb_sim_virtual *runner, struct vmb_sim_world *world)
{
    struct vmb_sim_actor *actors[VMB_SIM_VIRTUAL_ACTORS];
    uint32_t count = vmb_sim_world_actors(world, actors);

    runner->world = world;
    for (uint32_t i = 0; i < count; i++) {
        vmb_sim_virtual_add(runner, actors[i])->nests = true;
    }
}

struct vmb_sim_virtual_actor *vmb_sim_virtual_of(struct vmb_sim_virtual *runner,
                                                 const struct vmb_sim_actor *actor)
{
    (void)runner;
    return actor->runner_actor;
}

void vmb_sim_virtual_set_faults(struct vmb_sim_virtual *runner, bool on)
{
    runner->faults_on = on;
    vmb_sim_machine_set_faults(&runner->world->machine, on);
    if (!on) {
        for (uint32_t i = 0; i < runner->actor_count; i++) {
            runner->actors[i].stalled_ns = 0;
        }
        vmb_sim_virtual_flush(runner, true);
        vmb_sim_virtual_flush(runner, false);
    }
}

void vmb_sim_virtual_stall(struct vmb_sim_virtual *runner, const struct vmb_sim_actor *actor,
                           uint64_t until_ns)
{
    vmb_sim_virtual_of(runner, actor)->stalled_ns = until_ns;
}

/* Who is due first, of actors and of signals. False: nobody, or not before @until_ns. */
static bool virtual_next(struct vmb_sim_virtual *runner, uint64_t until_ns,
                         struct vmb_sim_virtual_actor **out_actor, uint32_t *out_effect)
{
    struct vmb_sim_virtual_actor *first = NULL;
    uint64_t first_ns = until_ns;

    for (uint32_t i = 0; i < runner->actor_count; i++) {
        struct vmb_sim_virtual_actor *self = &runner->actors[i];
        uint64_t when_ns = virtual_when(self);

        if (when_ns < first_ns ||
            (when_ns == first_ns && first != NULL && self->turn < first->turn)) {
            first = self;
            first_ns = when_ns;
        }
    }
    *out_effect = VMB_SIM_VIRTUAL_EFFECTS;
    for (uint32_t i = 0; i < runner->effect_count; i++) {
        if (runner->effects[i].due_ns < first_ns) {
            first = NULL;
            first_ns = runner->effects[i].due_ns;
            *out_effect = i;
        }
    }
    *out_actor = first;
    if (first == NULL && *out_effect == VMB_SIM_VIRTUAL_EFFECTS) {
        return false;
    }
    if (first_ns > runner->now_ns) {
        runner->now_ns = first_ns;
    }
    return true;
}

bool vmb_sim_virtual_run(struct vmb_sim_virtual *runner, bool (*condition)(void *context),
                         void *context, uint64_t until_ns)
{
    struct vmb_sim_virtual_actor *actor;
    uint32_t effect;

    while (condition == NULL || !condition(context)) {
        if (!virtual_next(runner, until_ns, &actor, &effect)) {
            if (condition == NULL && until_ns != VMB_NEVER && runner->now_ns < until_ns) {
                runner->now_ns = until_ns;
            }
            return condition == NULL;
        }
        if (actor != NULL) {
            virtual_step(runner, actor);
        } else {
            virtual_deliver(runner, effect);
        }
    }
    return true;
}
