/* SPDX-License-Identifier: MIT */
/* The host's side of the rules: events by the million, and channels that vanish. */
#include <sched.h>

#include "rules.h"

#define SIGNALS_LOST_NS  10000000000u /* An event that has not been seen by then is lost. */
#define SIGNALS_BATCH    1024u
#define SIGNALS_TRIES    100000u
#define SIGNALS_VERIFY   40u /* Thousandths of the events that are waited for. */
#define SIGNALS_WRONG_VP 50u /* Thousandths that go to a VP that is not the target. */
#define SIGNALS_CLOSED   20u /* Thousandths that are sent although the channel is closed. */
#define SIGNALS_UNMAPPED 2u  /* Thousandths that go to relids which nobody has offered. */

/* Relids that are never offered; one of them above all that are. */
static const uint32_t signals_strangers[] = {3, 64, 199, 1025, 2046};

/* The VP that a channel points at, or now and then another: an event may come on any. */
static uint32_t signals_vp(struct rules_signaller *self, uint32_t relid)
{
    uint32_t vp = vmb_atomic_load(&self->rules->host.channels[relid].target_vp, VMB_RELAXED);

    if (vp >= RULES_VPS || vmb_sim_random_chance(&self->random, SIGNALS_WRONG_VP)) {
        vp = vmb_sim_random_below(&self->random, RULES_VPS);
    }
    return vp;
}

/*
 * Set a flag. A VP that is out of service refuses it: the host then knows that the channel has
 * moved and tries where it points at now (R12: nobody may be left pointing there).
 */
static bool signals_set(struct rules_signaller *self, uint32_t relid)
{
    struct rules *rules = self->rules;

    for (uint32_t tries = 0; tries < SIGNALS_TRIES; tries++) {
        bool newly_set = false;
        vmb_hv_result result = vmb_hv_synic_signal(rules->machine.synic, signals_vp(self, relid),
                                                   VMB_HV_SINT_VMBUS, relid, &newly_set);

        if (result == VMB_HV_SUCCESS) {
            self->edges += newly_set ? 1 : 0;
            return newly_set;
        }
        if (result != VMB_HV_INVALID_SYNIC_STATE) {
            break;
        }
        self->refused++;
        (void)sched_yield();
    }
    rules_fault(rules, RULES_REFUSED);
    return false;
}

/* Wait until the handler has seen an event, or until it need not. */
static void signals_verify(struct rules_signaller *self, struct rules_device *device,
                           uint32_t epoch, uint32_t number)
{
    uint64_t begin_ns = vmb_sim_threads_now_ns(NULL);
    uint32_t looks = 0;

    while ((int32_t)(vmb_atomic_load(&device->seen, VMB_ACQUIRE) - number) < 0 &&
           vmb_atomic_load(&device->epoch, VMB_ACQUIRE) == epoch) {
        if (++looks % 64 == 0 && vmb_sim_threads_now_ns(NULL) - begin_ns > SIGNALS_LOST_NS) {
            rules_fault(self->rules, RULES_LOST);
            return;
        }
        (void)sched_yield();
    }
    self->verified++;
}

static void signals_one(struct rules_signaller *self, struct rules_device *device, bool verify)
{
    /* Acquire: pairs with the release in signals_opening() and rules_epoch_end(). */
    uint32_t epoch = vmb_atomic_load(&device->epoch, VMB_ACQUIRE);
    uint32_t number;
    bool newly_set;

    if ((epoch & 1u) == 0) {
        if (vmb_sim_random_chance(&self->random, SIGNALS_CLOSED) &&
            signals_set(self, device->relid)) {
            self->doubtful++;
        }
        return;
    }
    vmb_atomic_store(&device->waiting, verify ? 1u : 0u, VMB_RELAXED);
    number = vmb_atomic_load(&device->posted, VMB_RELAXED) + 1;
    /* Release: the host's ring, so to speak; the flag is set after it. */
    vmb_atomic_store(&device->posted, number, VMB_RELEASE);
    newly_set = signals_set(self, device->relid);
    if (newly_set && vmb_atomic_load(&device->epoch, VMB_ACQUIRE) != epoch) {
        self->doubtful++;
    }
    if (verify) {
        signals_verify(self, device, epoch, number);
        vmb_atomic_store(&device->waiting, 0u, VMB_RELAXED);
    }
}

/* The last event of each open channel: after it nothing else could hide that it was lost. */
static void signals_last(struct rules_signaller *self)
{
    for (uint32_t i = self->index; i < RULES_DEVICES; i += RULES_SIGNALLERS) {
        signals_one(self, &self->rules->devices[i], true);
    }
}

void *rules_signaller_main(void *context)
{
    struct rules_signaller *self = context;
    struct rules *rules = self->rules;

    while (vmb_atomic_load(&rules->stop_signals, VMB_ACQUIRE) == 0) {
        uint64_t before = self->edges;

        for (uint32_t i = 0; i < SIGNALS_BATCH; i++) {
            uint32_t which = vmb_sim_random_below(&self->random, RULES_DEVICES / RULES_SIGNALLERS);
            uint32_t stranger = vmb_sim_random_below(
                &self->random, sizeof(signals_strangers) / sizeof(signals_strangers[0]));

            signals_one(self, &rules->devices[which * RULES_SIGNALLERS + self->index],
                        vmb_sim_random_chance(&self->random, SIGNALS_VERIFY));
            if (vmb_sim_random_chance(&self->random, SIGNALS_UNMAPPED) &&
                signals_set(self, signals_strangers[stranger])) {
                self->unmapped++;
            }
        }
        (void)vmb_atomic_fetch_add(&rules->edges, (uintptr_t)(self->edges - before), VMB_RELAXED);
    }
    signals_last(self);
    (void)vmb_atomic_fetch_add(&rules->signallers_running, ~0u, VMB_RELEASE);
    return NULL;
}

static struct rules_device *signals_device(struct rules *rules, uint32_t relid)
{
    for (uint32_t i = 0; i < RULES_DEVICES; i++) {
        if (rules->devices[i].relid == relid) {
            return &rules->devices[i];
        }
    }
    return NULL;
}

/* OpenChannel has reached the host: from here on no event may be lost, answered or not (R2). */
static void signals_opening(void *context, uint32_t relid, uint32_t target_vp)
{
    struct rules *rules = context;
    struct rules_device *device = signals_device(rules, relid);

    (void)target_vp;
    if (device != NULL && (vmb_atomic_load(&device->epoch, VMB_RELAXED) & 1u) == 0) {
        (void)vmb_atomic_fetch_add(&device->epoch, 1u, VMB_ACQ_REL);
    }
}

/* The guest has let go of a rescinded relid: the host gives it to a new device at once (R7). */
static void signals_released(void *context, uint32_t relid)
{
    struct rules *rules = context;

    small_host_offer(&rules->host, relid);
}

static bool signals_host_step(void *context)
{
    struct rules *rules = context;
    uint32_t wanted = vmb_atomic_exchange(&rules->rescind_wanted, 0u, VMB_ACQ_REL);

    if (wanted != 0) {
        struct rules_device *device = &rules->devices[wanted - 1];

        /* Before the guest can hear of it. */
        rules_epoch_end(device);
        small_host_rescind(&rules->host, device->relid);
    }
    return false;
}

struct small_host_hooks rules_host_hooks(struct rules *rules)
{
    const struct small_host_hooks hooks = {
        .context = rules,
        .opening = signals_opening,
        .released = signals_released,
        .step = signals_host_step,
    };

    return hooks;
}
