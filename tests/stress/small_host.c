/* SPDX-License-Identifier: MIT */
/* See small_host.h. */
#include "small_host.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_STREAM   2u
#define SMALL_RETRY_NS 50000u

static void small_send(struct small_host *host, const struct vmb_message *message)
{
    uint32_t index = host->queue_tail % SMALL_HOST_QUEUE;

    if (host->queue_tail - host->queue_head == SMALL_HOST_QUEUE ||
        vmb_message_encode(message, host->version, 0, host->queue[index].message,
                           VMB_MESSAGE_MAX_BYTES, &host->queue[index].bytes) != VMB_OK) {
        (void)vmb_atomic_fetch_add(&host->dropped, 1u, VMB_RELAXED);
        return;
    }
    host->queue_tail++;
}

/* Post what waits, as far as the guest's SynIC has buffers. */
static void small_flush(struct small_host *host)
{
    const struct vmb_sim_faults *faults = &host->machine->options.faults;

    while (host->queue_head != host->queue_tail) {
        uint32_t index = host->queue_head % SMALL_HOST_QUEUE;

        if (vmb_sim_machine_fault(host->machine, &host->random, faults->host_post_per_mille)) {
            return;
        }
        if (vmb_sim_machine_fault(host->machine, &host->random,
                                  faults->foreign_message_per_mille)) {
            (void)vmb_sim_machine_post(host->machine, host->message_vp, VMB_HV_SINT_VMBUS,
                                       VMB_HV_MESSAGE_TIMER_EXPIRED, NULL, 0);
        }
        if (vmb_sim_machine_post(host->machine, host->message_vp, VMB_HV_SINT_VMBUS,
                                 VMB_HV_MESSAGE_VMBUS, host->queue[index].message,
                                 host->queue[index].bytes) != VMB_HV_SUCCESS) {
            return;
        }
        host->queue_head++;
    }
}

static void small_send_offer(struct small_host *host, uint32_t relid)
{
    struct vmb_message message = {.number = VMB_MSG_OFFER_CHANNEL};
    struct vmb_msg_offer *offer = &message.u.offer;

    offer->interface_guid.bytes[0] = 0x5A;
    offer->instance_guid.bytes[0] = (uint8_t)relid;
    offer->instance_guid.bytes[1] = (uint8_t)(relid >> 8);
    offer->relid = relid;
    offer->monitor_id = VMB_MONITOR_NONE;
    offer->is_dedicated = true;
    offer->connection_id = 0x2000 + relid;
    if (relid < VMB_RELID_COUNT) {
        host->channels[relid].shown = true;
    }
    small_send(host, &message);
}

void small_host_offer(struct small_host *host, uint32_t relid)
{
    if (relid < VMB_RELID_COUNT) {
        host->channels[relid].known = true;
        host->channels[relid].rescinded = false;
    }
    if (host->offers_asked) {
        small_send_offer(host, relid);
    }
}

void small_host_rescind(struct small_host *host, uint32_t relid)
{
    struct vmb_message message = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind = {relid}};

    host->channels[relid].known = false;
    host->channels[relid].open = false;
    host->channels[relid].rescinded = true;
    small_send(host, &message);
}

static void small_contact(struct small_host *host, const struct vmb_msg_initiate_contact *contact)
{
    struct vmb_message message = {.number = VMB_MSG_VERSION_RESPONSE};
    uint32_t requested = contact->requested_version;
    bool supported = vmb_version_known(requested) && requested <= host->max_version;

    host->message_vp = requested < VMB_VERSION_3_0 ? 0 : contact->target_message_vp;
    host->version = requested;
    message.u.version_response.version_supported = supported;
    message.u.version_response.selected_version = supported ? requested : 0;
    message.u.version_response.message_connection_id = VMB_CONNECTION_MESSAGE;
    small_send(host, &message);
    if (!supported) {
        host->version = VMB_VERSION_NONE;
    }
}

/* R1: relids that no table holds, and one that is taken. The guest refuses them. */
static void small_offer_evil(struct small_host *host)
{
    static const uint32_t relids[SMALL_HOST_EVIL_OFFERS] = {VMB_RELID_COUNT, 0xFFFFFFFFu, 0, 1};

    for (uint32_t i = 0; i < SMALL_HOST_EVIL_OFFERS; i++) {
        small_send_offer(host, relids[i]);
    }
}

static void small_request_offers(struct small_host *host)
{
    const struct vmb_message delivered = {.number = VMB_MSG_ALL_OFFERS_DELIVERED};

    host->offers_asked = true;
    for (uint32_t relid = 1; relid < VMB_RELID_COUNT; relid++) {
        if (host->channels[relid].known) {
            small_send_offer(host, relid);
        }
    }
    if (host->evil_offers) {
        small_offer_evil(host);
    }
    small_send(host, &delivered);
}

static void small_open(struct small_host *host, const struct vmb_msg_open_channel *open)
{
    const struct vmb_message message = {
        .number = VMB_MSG_OPEN_RESULT,
        .u.open_result = {.relid = open->relid, .open_id = open->open_id},
    };
    struct small_channel *channel = &host->channels[open->relid % VMB_RELID_COUNT];

    if (channel->rescinded) {
        return; /* It crossed the rescind: there is no result. */
    }
    if (!channel->shown || channel->open) {
        host->mistakes++;
        return;
    }
    channel->open = true;
    vmb_atomic_store(&channel->target_vp, open->target_vp, VMB_RELAXED);
    if (host->hooks.opening != NULL) {
        host->hooks.opening(host->hooks.context, open->relid, open->target_vp);
    }
    small_send(host, &message);
}

static void small_modify(struct small_host *host, const struct vmb_msg_modify_channel *modify)
{
    const struct vmb_message message = {
        .number = VMB_MSG_MODIFY_CHANNEL_RESPONSE,
        .u.modify_channel_response = {.relid = modify->relid},
    };
    struct small_channel *channel = &host->channels[modify->relid % VMB_RELID_COUNT];

    if (channel->rescinded) {
        return;
    }
    if (!channel->open || modify->target_vp >= host->machine->options.vp_count) {
        host->mistakes++;
    }
    vmb_atomic_store(&channel->target_vp, modify->target_vp, VMB_RELAXED);
    if (host->version >= VMB_VERSION_5_3) {
        small_send(host, &message);
    }
}

static void small_released(struct small_host *host, uint32_t relid)
{
    struct small_channel *channel = &host->channels[relid % VMB_RELID_COUNT];

    if (relid == 0 || relid >= VMB_RELID_COUNT) {
        return; /* Gives back what it has refused. */
    }
    if (!channel->shown || channel->open) {
        host->mistakes++;
    }
    channel->shown = false;
    channel->rescinded = false;
    if (host->hooks.released != NULL) {
        host->hooks.released(host->hooks.context, relid);
    }
}

static void small_message(struct small_host *host, const struct vmb_message *message)
{
    struct vmb_message answer = {0};

    switch (message->number) {
    case VMB_MSG_INITIATE_CONTACT:
        small_contact(host, &message->u.initiate_contact);
        break;
    case VMB_MSG_REQUEST_OFFERS:
        small_request_offers(host);
        break;
    case VMB_MSG_GPADL_HEADER:
        answer.number = VMB_MSG_GPADL_CREATED;
        answer.u.gpadl_created.relid = message->u.gpadl_header.relid;
        answer.u.gpadl_created.gpadl = message->u.gpadl_header.gpadl;
        small_send(host, &answer);
        break;
    case VMB_MSG_GPADL_TEARDOWN:
        answer.number = VMB_MSG_GPADL_TORNDOWN;
        answer.u.gpadl_torndown.gpadl = message->u.gpadl_teardown.gpadl;
        small_send(host, &answer);
        break;
    case VMB_MSG_OPEN_CHANNEL:
        small_open(host, &message->u.open_channel);
        break;
    case VMB_MSG_CLOSE_CHANNEL:
        host->channels[message->u.close_channel.relid % VMB_RELID_COUNT].open = false;
        break;
    case VMB_MSG_MODIFY_CHANNEL:
        small_modify(host, &message->u.modify_channel);
        break;
    case VMB_MSG_RELID_RELEASED:
        small_released(host, message->u.relid_released.relid);
        break;
    case VMB_MSG_UNLOAD:
        host->offers_asked = false;
        answer.number = VMB_MSG_UNLOAD_COMPLETE;
        small_send(host, &answer);
        break;
    default:
        host->mistakes++;
        break;
    }
}

static bool small_step(void *context)
{
    struct small_host *host = context;
    const struct vmb_hv_message *posted;
    bool more = host->hooks.step != NULL && host->hooks.step(host->hooks.context);

    while ((posted = vmb_hv_message_port_peek(&host->port)) != NULL) {
        struct vmb_message message;

        if (vmb_message_decode(posted->payload, posted->payload_bytes, VMB_GUEST_TO_HOST,
                               host->version, 0, &message) == VMB_OK) {
            small_message(host, &message);
        } else {
            host->mistakes++;
        }
        vmb_hv_message_port_take(&host->port);
    }
    small_flush(host);
    return more;
}

static uint64_t small_deadline(void *context)
{
    struct small_host *host = context;

    if (host->queue_head == host->queue_tail) {
        return VMB_NEVER;
    }
    return vmb_sim_machine_now_ns(host->machine) + SMALL_RETRY_NS;
}

static void small_ready(void *context)
{
    struct small_host *host = context;

    vmb_sim_wake(&host->actor);
}

void small_host_on_slot_free(void *host)
{
    small_ready(host);
}

void small_host_init(struct small_host *host, struct vmb_sim_machine *machine, uint32_t max_version,
                     const struct small_host_hooks *hooks)
{
    static const uint32_t ids[] = {VMB_CONNECTION_MESSAGE, VMB_CONNECTION_MULTICLIENT};

    memset(host, 0, sizeof(*host));
    host->machine = machine;
    host->hooks = *hooks;
    host->max_version = max_version;
    host->random = vmb_sim_random_of(machine->options.seed, SMALL_STREAM);
    host->actor.name = "small host";
    host->actor.context = host;
    host->actor.step = small_step;
    host->actor.next_deadline_ns = small_deadline;
    vmb_hv_message_port_init(&host->port, small_ready, host);
    for (uint32_t i = 0; i < 2; i++) {
        if (vmb_hv_ports_connect_messages(machine->ports, ids[i], vmb_hv_message_port_post,
                                          &host->port) != VMB_OK) {
            abort();
        }
    }
}
