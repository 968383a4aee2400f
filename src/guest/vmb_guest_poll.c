/* SPDX-License-Identifier: MIT */
/* One step of the control plane: messages in, waits that ended, messages out. */
#include "guest/vmb_guest_state.h"

#include <vmbus/hv.h>

/* How soon to look again whether a VP has left the dispatch. */
#define QUIESCE_POLL_NS 50000u

/* A time from now; remembered, so that nobody needs to search for the earliest. */
uint64_t vmbi_deadline(struct vmb_guest *guest, uint64_t timeout_ns)
{
    uint64_t now_ns = guest->platform.now_ns(guest->platform.context);
    uint64_t deadline_ns =
        timeout_ns > VMB_NEVER - 1 - now_ns ? VMB_NEVER - 1 : now_ns + timeout_ns;

    if (deadline_ns < guest->earliest_deadline_ns) {
        guest->earliest_deadline_ns = deadline_ns;
    }
    return deadline_ns;
}

/* When the host should have answered what has just been posted. */
uint64_t vmbi_answer_deadline(struct vmb_guest *guest)
{
    return vmbi_deadline(guest, guest->options.request_timeout_ns);
}

/* A message that nobody waits for: a peer's mistake, or an answer that came too late. */
void vmbi_unexpected(struct vmb_guest *guest, uint32_t number, uint32_t relid)
{
    guest->counters.messages_unexpected++;
    vmbi_guest_log(guest, VMB_LOG_WARNING, "message # of relid #: nobody waits for it", number,
                   relid);
}

static void poll_all_offered(struct vmb_guest *guest, const struct vmb_message *message)
{
    if (guest->offers_told) {
        vmbi_unexpected(guest, message->number, 0);
        return;
    }
    vmbi_offers_end(guest);
}

/* What the core takes, and in which state of the bus; of parts it takes the rest. */
static const struct {
    uint8_t number;
    uint8_t state;
    void (*take)(struct vmb_guest *guest, const struct vmb_message *message);
} poll_takes[] = {
    {VMB_MSG_VERSION_RESPONSE, BUS_CONTACTING, vmbi_on_version_response},
    {VMB_MSG_UNLOAD_COMPLETE, BUS_UNLOADING, vmbi_on_unload_complete},
    {VMB_MSG_OFFER_CHANNEL, BUS_CONNECTED, vmbi_on_offer},
    {VMB_MSG_RESCIND_OFFER, BUS_CONNECTED, vmbi_on_rescind},
    {VMB_MSG_ALL_OFFERS_DELIVERED, BUS_CONNECTED, poll_all_offered},
    {VMB_MSG_OPEN_RESULT, BUS_CONNECTED, vmbi_on_open_result},
    {VMB_MSG_GPADL_CREATED, BUS_CONNECTED, vmbi_on_gpadl_created},
    {VMB_MSG_GPADL_TORNDOWN, BUS_CONNECTED, vmbi_on_gpadl_torndown},
};

#define POLL_TAKES ((uint32_t)(sizeof(poll_takes) / sizeof(poll_takes[0])))

static void poll_handle(struct vmb_guest *guest, const struct vmb_message *message)
{
    uint8_t due = BUS_CONNECTED;
    uint32_t index;
    uint32_t part = 0;

    for (index = 0; index < POLL_TAKES && poll_takes[index].number != message->number; index++) {
    }
    if (index < POLL_TAKES) {
        due = poll_takes[index].state;
    }
    if (guest->state != due) {
        /* Before a version is agreed upon, and after Unload: of an earlier owner of the bus. */
        guest->counters.messages_unexpected++;
    } else if (index < POLL_TAKES) {
        poll_takes[index].take(guest, message);
    } else {
        while (part < PART_COUNT &&
               (guest->parts[part] == NULL || guest->parts[part]->answer != message->number)) {
            part++;
        }
        if (part < PART_COUNT) {
            guest->parts[part]->on_answer(guest, message);
        } else {
            /* Known to the version, but we asked for none of it. */
            vmbi_unexpected(guest, message->number, 0);
        }
    }
}

static void poll_message(struct vmb_guest *guest, const struct vmb_hv_message *raw)
{
    bool contacting = guest->state == BUS_CONTACTING;
    struct vmb_message message;
    vmb_status status;

    guest->counters.messages_received++;
    if (raw->type != VMB_SYNIC_MESSAGE_TYPE) {
        guest->counters.messages_unknown++; /* A timer's, or nothing that VMBus knows. */
        return;
    }
    status =
        vmb_message_decode(raw->payload, raw->payload_bytes, VMB_HOST_TO_GUEST,
                           contacting ? guest->asking_version : guest->version,
                           contacting ? vmbi_contact_features(guest) : guest->features, &message);
    if (status == VMB_ERR_UNKNOWN) {
        guest->counters.messages_unknown++;
        return;
    }
    if (status != VMB_OK) {
        guest->counters.messages_malformed++;
        vmbi_guest_log(guest, VMB_LOG_WARNING, "malformed message of # bytes dropped",
                       raw->payload_bytes, 0);
        return;
    }
    poll_handle(guest, &message);
}

/*
 * Empty one of a VP's slots, message by message: it is refilled when its SynIC is told (EOM). What
 * the hypervisor's holds while a paravisor serves the bus is of nobody that we trust.
 */
static bool poll_slot(struct vmb_guest *guest, uint32_t vp, void *slot, bool paravisor,
                      uint32_t *budget)
{
    while (slot != NULL && *budget > 0) {
        struct vmb_hv_message message;
        bool end_of_message = false;
        vmb_status status = vmb_hv_slot_take(slot, &message, &end_of_message);

        if (status != VMB_OK) {
            return false;
        }
        (*budget)--;
        if (end_of_message) {
            vmbi_end_of_message(guest, vp, paravisor);
        }
        if (paravisor == vmbi_has_paravisor(guest)) {
            poll_message(guest, &message);
        } else {
            guest->counters.messages_untrusted++;
        }
    }
    return slot != NULL;
}

static bool poll_slots(struct vmb_guest *guest)
{
    uint32_t budget = POLL_BATCH;
    bool more = false;
    uint32_t vp;

    /* Acquire, with the release in dispatch_message(); cleared before the slots are read. */
    if (vmb_atomic_exchange(&guest->message_waiting, 0, VMB_ACQUIRE) == 0) {
        return false;
    }
    for (vp = 0; vp < guest->options.vp_count; vp++) {
        void *slot = guest->vps[vp].polled_slot;
        /* Relaxed: the control plane itself has set it, as the other. */
        void *second = vmb_atomic_load(&guest->vps[vp].paravisor_slot, VMB_RELAXED);

        more = poll_slot(guest, vp, slot, false, &budget) || more;
        more = poll_slot(guest, vp, second, true, &budget) || more;
    }
    if (more) {
        vmb_atomic_store(&guest->message_waiting, 1, VMB_RELAXED);
    }
    return more;
}

static uint64_t poll_earlier(uint64_t left_ns, uint64_t right_ns)
{
    return left_ns < right_ns ? left_ns : right_ns;
}

static uint64_t poll_bus_timeouts(struct vmb_guest *guest, uint64_t now_ns)
{
    if (guest->deadline_ns <= now_ns) {
        vmbi_bus_timeout(guest);
    }
    return guest->deadline_ns;
}

static uint64_t poll_channel_timeouts(struct vmb_guest *guest, uint64_t now_ns,
                                      uint64_t earliest_ns)
{
    struct vmb_channel *channel = NULL;

    while ((channel = vmbi_channel_after(guest, channel)) != NULL) {
        if (channel->deadline_ns <= now_ns) {
            guest->counters.requests_timed_out++;
            if (channel->phase == PHASE_OPEN_ASKING) {
                vmbi_open_timeout(channel);
            } else if (channel->phase == PHASE_OPEN) {
                guest->parts[PART_MODIFY]->channel_timeout(channel);
            } else {
                vmbi_rings_timeout(channel);
            }
        }
        earliest_ns = poll_earlier(earliest_ns, channel->deadline_ns);
    }
    return earliest_ns;
}

/* End the waits that have lasted too long, and find out when the next one does. */
static void poll_deadlines(struct vmb_guest *guest)
{
    uint64_t now_ns;
    uint64_t earliest_ns;
    uint32_t part;

    if (guest->earliest_deadline_ns == VMB_NEVER) {
        return;
    }
    now_ns = guest->platform.now_ns(guest->platform.context);
    if (now_ns < guest->earliest_deadline_ns) {
        return;
    }
    guest->earliest_deadline_ns = VMB_NEVER; /* Waits that begin meanwhile lower it again. */
    earliest_ns = poll_bus_timeouts(guest, now_ns);
    earliest_ns = poll_channel_timeouts(guest, now_ns, earliest_ns);
    for (part = 0; part < PART_COUNT; part++) {
        if (guest->parts[part] != NULL && guest->parts[part]->timeouts != NULL) {
            earliest_ns = guest->parts[part]->timeouts(guest, now_ns, earliest_ns);
        }
    }
    guest->earliest_deadline_ns = poll_earlier(guest->earliest_deadline_ns, earliest_ns);
}

/* Sections are numbered two a VP: its interrupts, its runs. */
static vmbi_section *poll_section(void *context, uint32_t index)
{
    struct vmb_guest_vp *vp = &((struct vmb_guest *)context)->vps[index / 2];

    return index % 2 == 0 ? &vp->dispatching : &vp->running;
}

bool vmb_guest_poll(struct vmb_guest *guest)
{
    bool more = poll_slots(guest);

    poll_deadlines(guest);
    (void)vmbi_grace_poll(&guest->grace, poll_section, guest);
    (void)vmbi_quiesce_poll(guest);
    vmbi_contact_poll(guest);
    vmbi_leave_poll(guest);
    if (guest->stopping_vp != VMB_VP_NONE) {
        guest->stop_poll(guest);
    }
    return vmbi_outbox_poll(guest) || more;
}

uint64_t vmb_guest_next_deadline_ns(const struct vmb_guest *guest)
{
    uint64_t next_ns = guest->earliest_deadline_ns;

    next_ns = poll_earlier(next_ns, vmbi_outbox_deadline_ns(guest));
    if (guest->quiescing != NULL || guest->contact_waiting || guest->state == BUS_LEAVING ||
        guest->stopping_vp != VMB_VP_NONE) {
        uint64_t look_ns = guest->platform.now_ns(guest->platform.context) + QUIESCE_POLL_NS;

        next_ns = look_ns < next_ns ? look_ns : next_ns;
    }
    return next_ns;
}
