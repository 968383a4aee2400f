/* SPDX-License-Identifier: MIT */
/* The guest's side of the rules: handlers that watch themselves, and a churner. */
#include <sched.h>

#include "rules.h"

#define DEVICES_CHURN_NS 20000u

/* Where devices lie: neighbours in a word, and some far up that move the scan's end (R9). */
static const uint32_t devices_relids[RULES_DEVICES] = {
    1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 31, 32, 33, 62, 63, 65, 66, 70, 80, 90, 127, 500, 1024, 2047,
};

/* A handler begins: it must be alone, and its channel open. */
static void devices_enter(struct rules_device *device)
{
    if (vmb_atomic_exchange(&device->inside, 1u, VMB_RELAXED) != 0) {
        rules_fault(device->rules, RULES_TWICE);
    }
    if (vmb_atomic_load(&device->accepting, VMB_RELAXED) == 0) {
        rules_fault(device->rules, RULES_NOT_OPEN);
    }
}

/* What handlers are for: see what the peer has posted up to now. */
static void devices_look(struct rules_device *device)
{
    /* Acquire and release: pairs with the signaller's store and with its wait. */
    uint32_t posted = vmb_atomic_load(&device->posted, VMB_ACQUIRE);

    (void)vmb_atomic_fetch_add(&device->handled, (uintptr_t)1, VMB_RELAXED);
    vmb_atomic_store(&device->seen, posted, VMB_RELEASE);
}

static void devices_leave(struct rules_device *device)
{
    vmb_atomic_store(&device->inside, 0u, VMB_RELAXED);
}

static void devices_on_event(void *context)
{
    struct rules_device *device = context;

    devices_enter(device);
    if (device->notify == VMB_NOTIFY_POLLED) {
        vmb_atomic_store(&device->poll_me, 1u, VMB_RELEASE);
        return;
    }
    devices_look(device);
    devices_leave(device);
}

/* Polls the channels that asked for it, each until no more events came meanwhile. */
void *rules_poller_main(void *context)
{
    struct rules *rules = context;

    while (vmb_atomic_load(&rules->stop_poller, VMB_ACQUIRE) == 0) {
        for (uint32_t i = 0; i < RULES_DEVICES; i++) {
            struct rules_device *device = &rules->devices[i];

            if (vmb_atomic_exchange(&device->poll_me, 0u, VMB_ACQUIRE) == 0) {
                continue;
            }
            for (;;) {
                devices_look(device);
                devices_leave(device); /* Rearming may give the channel away. */
                if (!vmb_channel_rearm(device->channel)) {
                    break;
                }
                devices_enter(device);
            }
        }
        (void)sched_yield();
    }
    return NULL;
}

static void devices_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct rules_device *device = context;

    (void)endpoint;
    vmb_atomic_store(&device->accepting, 1u, VMB_RELAXED);
}

static void devices_closed(void *context, vmb_status reason)
{
    struct rules_device *device = context;

    (void)reason;
    vmb_atomic_store(&device->accepting, 0u, VMB_RELAXED);
    if (vmb_atomic_load(&device->inside, VMB_RELAXED) != 0) {
        rules_fault(device->rules, RULES_CLOSED_INSIDE);
    }
}

#define DEVICES_DRIVER(mode)                                                                       \
    {                                                                                              \
        .name = "rules", .tx_pages = 1, .rx_pages = 1, .notify = (mode), .opened = devices_opened, \
        .on_event = devices_on_event, .closed = devices_closed                                     \
    }

static const struct vmb_driver devices_drivers[] = {
    DEVICES_DRIVER(VMB_NOTIFY_DEFERRED),
    DEVICES_DRIVER(VMB_NOTIFY_DIRECT),
    DEVICES_DRIVER(VMB_NOTIFY_POLLED),
};

static void devices_open_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct rules_device *device = context;

    (void)channel;
    device->busy = false;
    if (status != VMB_OK && status != VMB_ERR_GONE) {
        rules_fault(device->rules, RULES_CALL_FAILED);
    }
}

/* A VP in service. */
static uint32_t devices_vp(struct rules *rules)
{
    VMB_STATIC_ASSERT(RULES_VP_OUT == RULES_VPS - 1, "it is the last one");
    return vmb_sim_random_below(&rules->random, rules->vp_out ? RULES_VPS - 1 : RULES_VPS);
}

static void devices_open(struct rules_device *device)
{
    const struct vmb_channel_open_options options = {
        .struct_bytes = sizeof(options),
        .driver = &devices_drivers[device->notify],
        .device = device,
        .target_vp = devices_vp(device->rules),
        .done = devices_open_done,
        .done_context = device,
    };

    if (vmb_channel_state(device->channel) == VMB_CHANNEL_RESCINDED) {
        return; /* While it was being closed; events.rescinded follows. */
    }
    device->busy = true;
    if (vmb_channel_open(device->channel, &options) != VMB_OK) {
        device->busy = false;
        rules_fault(device->rules, RULES_CALL_FAILED);
    }
}

static void devices_close_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct rules_device *device = context;

    (void)channel;
    device->busy = false;
    if (status == VMB_OK) {
        devices_open(device);
    } else if (status != VMB_ERR_GONE) {
        rules_fault(device->rules, RULES_CALL_FAILED);
    }
}

static void devices_move_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct rules_device *device = context;

    (void)channel;
    device->busy = false;
    if (status != VMB_OK && status != VMB_ERR_GONE) {
        rules_fault(device->rules, RULES_CALL_FAILED);
    }
}

/* Ask the host to take a device away, whatever state its channel is in. */
static void devices_ask_rescind(struct rules *rules, struct rules_device *device)
{
    if (device->rescinding || vmb_atomic_load(&rules->rescind_wanted, VMB_ACQUIRE) != 0) {
        return;
    }
    device->rescinding = true; /* Until it is offered again. */
    rules->rescinds++;
    vmb_atomic_store(&rules->rescind_wanted, (uint32_t)(device - rules->devices) + 1, VMB_RELEASE);
    vmb_sim_wake(&rules->host.actor);
}

static bool devices_ready(const struct rules_device *device)
{
    return device->channel != NULL && !device->busy &&
           vmb_channel_state(device->channel) == VMB_CHANNEL_OPEN;
}

uint64_t rules_flags_left(struct rules *rules, uint32_t vp)
{
    const uint8_t *flags = vmb_hv_event_flags(
        (uint8_t *)rules->machine.vps[vp].pages.base + VMB_PAGE_BYTES, VMB_HV_SINT_VMBUS);
    uint64_t left = 0;

    for (uint32_t relid = 0; relid < VMB_RELID_COUNT; relid++) {
        if ((flags[relid / 8] >> relid % 8 & 1u) != 0) {
            left++;
            if (vmb_guest_relid2channel(rules->guest.guest, relid) != NULL) {
                rules_fault(rules, RULES_LOST);
            }
        }
    }
    return left;
}

static void devices_vp_done(void *context, uint32_t vp, vmb_status status)
{
    struct rules *rules = context;

    rules->flags_lost += rules_flags_left(rules, vp);
    rules->vp_stopped = status == VMB_OK;
    rules->vp_out = rules->vp_stopped;
    if (!rules->vp_stopped) {
        rules_fault(rules, RULES_CALL_FAILED);
    }
}

/* Take a VP out of service, or bring it back. */
static void devices_churn_vp(struct rules *rules)
{
    vmb_status status = VMB_OK;

    if (rules->vp_stopped) {
        rules->vp_stopped = false;
        rules->vp_out = false;
        status = vmb_sim_guest_vp_start(&rules->guest, RULES_VP_OUT);
    } else if (!rules->vp_out) {
        rules->vp_out = true;
        rules->vp_stops++;
        status = vmb_sim_guest_vp_stop(&rules->guest, RULES_VP_OUT, devices_vp_done, rules);
    }
    if (status != VMB_OK) {
        rules_fault(rules, RULES_CALL_FAILED);
    }
}

/* Something for one channel: move it, close it, have it rescinded. */
static void devices_churn(struct rules *rules)
{
    struct rules_device *device =
        &rules->devices[vmb_sim_random_below(&rules->random, RULES_DEVICES)];
    uint32_t dice = vmb_sim_random_below(&rules->random, 100);
    vmb_status status;

    if (dice == 99) {
        devices_churn_vp(rules);
        return;
    }
    if (dice >= 45 && vmb_atomic_load(&device->waiting, VMB_RELAXED) != 0) {
        return;
    }
    if (device->channel != NULL && dice >= 85) {
        devices_ask_rescind(rules, device);
        return;
    }
    if (!devices_ready(device)) {
        return;
    }
    device->busy = true;
    if (dice < 45) {
        status = vmb_channel_set_target_vp(device->channel, devices_vp(rules), devices_move_done,
                                           device);
        rules->moves++;
        if (status == VMB_ERR_BUSY) {
            status = VMB_OK; /* It is being moved away from a VP that leaves service. */
            device->busy = false;
        }
    } else {
        rules_epoch_end(device);
        status = vmb_channel_close(device->channel, devices_close_done, device);
        rules->closes++;
    }
    if (status != VMB_OK) {
        device->busy = false;
        rules_fault(rules, RULES_CALL_FAILED);
    }
}

bool rules_settled(struct rules *rules)
{
    if (rules->vp_out) {
        if (rules->vp_stopped) {
            devices_churn_vp(rules);
        }
        return false;
    }
    for (uint32_t i = 0; i < RULES_DEVICES; i++) {
        if (!devices_ready(&rules->devices[i]) || rules->devices[i].rescinding) {
            return false;
        }
    }
    return true;
}

bool rules_control_step(void *context)
{
    struct vmb_sim_guest *guest = context;
    struct rules *rules = (struct rules *)(void *)((char *)guest - offsetof(struct rules, guest));
    bool more = vmb_guest_poll(guest->guest);

    if (vmb_atomic_load(&rules->churning, VMB_ACQUIRE) != 0) {
        devices_churn(rules);
    }
    return more;
}

uint64_t rules_control_deadline(void *context)
{
    struct vmb_sim_guest *guest = context;
    uint64_t deadline_ns = vmb_guest_next_deadline_ns(guest->guest);
    uint64_t churn_ns = vmb_sim_machine_now_ns(guest->machine) + DEVICES_CHURN_NS;

    return churn_ns < deadline_ns ? churn_ns : deadline_ns;
}

static void devices_connected(void *context, vmb_status status)
{
    struct rules *rules = context;

    vmb_atomic_store(&rules->connected, 1u + (uint32_t)-status, VMB_RELEASE);
}

static void devices_offered(void *context, struct vmb_channel *channel)
{
    struct rules *rules = context;

    for (uint32_t i = 0; i < RULES_DEVICES; i++) {
        if (rules->devices[i].relid == vmb_channel_relid(channel)) {
            rules->devices[i].channel = channel;
            rules->devices[i].rescinding = false;
            vmb_channel_set_context(channel, &rules->devices[i]);
            devices_open(&rules->devices[i]);
        }
    }
}

static void devices_offers_delivered(void *context)
{
    struct rules *rules = context;

    vmb_atomic_store(&rules->delivered, 1u, VMB_RELEASE);
}

static void devices_rescinded(void *context, struct vmb_channel *channel)
{
    struct rules_device *device = vmb_channel_context(channel);

    (void)context;
    device->busy = false;
    device->channel = NULL;
    if (vmb_channel_let_go(channel) != VMB_OK) {
        rules_fault(device->rules, RULES_CALL_FAILED);
    }
}

static void devices_unloaded(void *context, vmb_status status)
{
    struct rules *rules = context;

    vmb_atomic_store(&rules->unloaded, 1u + (uint32_t)-status, VMB_RELEASE);
}

const struct vmb_guest_events *rules_guest_events(struct rules *rules,
                                                  struct vmb_guest_events *events)
{
    const struct vmb_guest_events all = {
        .struct_bytes = sizeof(all),
        .context = rules,
        .connected = devices_connected,
        .offered = devices_offered,
        .offers_delivered = devices_offers_delivered,
        .rescinded = devices_rescinded,
        .unloaded = devices_unloaded,
    };

    *events = all;
    return events;
}

void rules_devices_init(struct rules *rules)
{
    for (uint32_t i = 0; i < RULES_DEVICES; i++) {
        rules->devices[i].rules = rules;
        rules->devices[i].relid = devices_relids[i];
        rules->devices[i].notify = (enum vmb_notify)(i % 3);
    }
}
