/* SPDX-License-Identifier: MIT */
/* Coming onto the bus and leaving it: negotiation downwards over all versions, and Unload. */
#include <vmbus/hv.h>

#include "guest/vmb_guest_moves.h"

/* The contact pages, in the order in which they were shared. */
enum {
    CONTACT_INTERRUPT_PAGE,
    CONTACT_MONITOR_TO_GUEST,
    CONTACT_MONITOR_TO_HOST,
    CONTACT_PAGES
};

static void *contact_page(const struct vmb_guest *guest, uint32_t index)
{
    return (uint8_t *)(void *)guest->contact_pages.base + (size_t)index * VMB_PAGE_BYTES;
}

static vmb_gpa contact_gpa(const struct vmb_guest *guest, uint32_t index)
{
    return (guest->contact_pages.first_gpn + index) << VMB_PAGE_SHIFT;
}

/* Take the contact pages back, unless the host was told of them and never said it let go. */
static void contact_unshare(struct vmb_guest *guest)
{
    if (guest->contact_pages.base == NULL) {
        return;
    }
    vmb_atomic_store(&guest->legacy_page, (void *)NULL, VMB_RELAXED);
    vmb_atomic_store(&guest->monitor_page, (void *)NULL, VMB_RELAXED);
    vmbi_pages_leave(guest, false, &guest->monitors, !guest->contact_doubtful);
    vmbi_pages_leave(guest, false, &guest->new_monitors, !guest->contact_doubtful);
    vmbi_pages_leave(guest, false, &guest->contact_pages, !guest->contact_doubtful);
    guest->contact_doubtful = false;
}

/*
 * Hosts below 3.0 send every message to VP 0; one that is not started would never see them. Those
 * below 5.0 know one SINT only.
 */
static bool contact_version_allowed(const struct vmb_guest *guest, uint32_t version)
{
    if (version < guest->options.min_version ||
        (version < VMB_VERSION_5_0 && guest->options.sint != VMB_HV_SINT_VMBUS)) {
        return false;
    }
    return version >= VMB_VERSION_3_0 || guest->options.connect_vp == 0;
}

static void contact_ask(struct vmb_guest *guest, uint32_t version)
{
    guest->asking_version = version;
    guest->deadline_ns = VMB_NEVER;
    vmbi_post_queue(guest, &guest->contact_post, POST_CONTACT);
}

static void contact_end(struct vmb_guest *guest, vmb_status status)
{
    guest->deadline_ns = VMB_NEVER;
    if (status != VMB_OK) {
        vmbi_bus_move(guest, BUS_DISCONNECTED);
        guest->version = 0;
        guest->features = 0;
        contact_unshare(guest);
        vmbi_guest_log(guest, VMB_LOG_ERROR, "not connected: status -#", (uint32_t)-status, 0);
    }
    if (guest->events.connected != NULL) {
        guest->events.connected(guest->events.context, status);
    }
}

vmb_status vmbi_connect(struct vmb_guest *guest, uint32_t version)
{
    struct vmb_guest_vp *vp = &guest->vps[guest->options.connect_vp];

    if (guest->state != BUS_DISCONNECTED || vp->service != VP_IN ||
        !contact_version_allowed(guest, version) ||
        (vmbi_has_paravisor(guest) &&
         vmb_atomic_load(&vp->paravisor_slot, VMB_RELAXED) == NULL)) { /* Where it answers. */
        return VMB_ERR_WRONG_STATE;
    }
    if (vmbi_pages_share(guest, false, CONTACT_PAGES, &guest->contact_pages) != VMB_OK) {
        return VMB_ERR_NO_MEMORY;
    }
    vmbi_bus_move(guest, BUS_CONTACTING);
    guest->offers_told = false;
    guest->message_connection = VMB_CONNECTION_MESSAGE;
    guest->asking_version = version;
    guest->contact_waiting = true;
    return VMB_OK;
}

/* R7: slots of the last connection's channels are used again when no VP holds their pointers. */
void vmbi_contact_poll(struct vmb_guest *guest)
{
    if (guest->contact_waiting && vmbi_grace_over(&guest->grace, guest->leave_ticket)) {
        guest->contact_waiting = false;
        contact_ask(guest, guest->asking_version);
    }
}

vmb_status vmb_guest_connect(struct vmb_guest *guest)
{
    if (guest->suspended_version != 0) {
        return VMB_ERR_WRONG_STATE; /* Devices sleep: resume, or give them up by unload. */
    }
    return vmbi_connect(guest, guest->options.max_version);
}

/* What to ask a 6.0 host for. */
uint32_t vmbi_contact_features(const struct vmb_guest *guest)
{
    return vmbi_has_paravisor(guest) ? guest->options.features
                                     : guest->options.features & ~VMB_FEATURE_CONFIDENTIAL;
}

void vmbi_contact_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message)
{
    struct vmb_msg_initiate_contact *contact = &message->u.initiate_contact;

    (void)post;
    contact->requested_version = guest->asking_version;
    contact->target_message_vp = guest->options.connect_vp;
    contact->interrupt_page_gpa = contact_gpa(guest, CONTACT_INTERRUPT_PAGE);
    contact->target_sint = (uint8_t)guest->options.sint;
    contact->requested_features =
        guest->asking_version >= VMB_VERSION_6_0 ? vmbi_contact_features(guest) : 0;
    contact->parent_to_child_gpa = contact_gpa(guest, CONTACT_MONITOR_TO_GUEST);
    contact->child_to_parent_gpa = contact_gpa(guest, CONTACT_MONITOR_TO_HOST);
    contact->client_guid = guest->options.client_id;
}

/* The version asked for will not do: ask for the next lower one that we may take. */
static void contact_ask_lower(struct vmb_guest *guest)
{
    /* A system that wakes goes on as it was, or not at all. */
    uint32_t lower =
        guest->suspended_version != 0 ? 0 : vmb_version_next_lower(guest->asking_version);

    while (lower != 0 && !contact_version_allowed(guest, lower)) {
        lower = vmb_version_next_lower(lower);
    }
    if (lower == 0) {
        contact_end(guest, VMB_ERR_VERSION);
    } else {
        contact_ask(guest, lower);
    }
}

void vmbi_contact_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    (void)post;
    if (status == VMB_ERR_INVALID_TARGET && guest->asking_version >= VMB_VERSION_5_0) {
        /* A host older than 5.0 does not have the connection that 5.0 is asked for on. */
        contact_ask_lower(guest);
        return;
    }
    if (status != VMB_OK) {
        contact_end(guest, status);
        return;
    }
    guest->contact_doubtful = true; /* Until the host refuses, or confirms an Unload. */
    guest->deadline_ns = vmbi_answer_deadline(guest);
}

/* Where monitored channels signal: in our page, or in the host's if it insists on its own. */
static void *contact_monitor_page(struct vmb_guest *guest,
                                  const struct vmb_msg_version_response *response)
{
    if ((guest->features & VMB_FEATURE_HOST_MONITOR_PAGES) == 0) {
        return contact_page(guest, CONTACT_MONITOR_TO_HOST);
    }
    if (response->child_to_parent_gpa == 0 || response->child_to_parent_gpa % VMB_PAGE_BYTES != 0) {
        return NULL; /* It looks at none, or at what is no page: every signal is a hypercall. */
    }
    return (void *)guest->platform.map_host_page(guest->platform.context,
                                                 response->child_to_parent_gpa);
}

static void contact_accepted(struct vmb_guest *guest,
                             const struct vmb_msg_version_response *response)
{
    guest->version = guest->asking_version;
    guest->message_connection = guest->version >= VMB_VERSION_5_0 ? response->message_connection_id
                                                                  : VMB_CONNECTION_MESSAGE;
    guest->features = guest->version >= VMB_VERSION_6_0
                          ? response->supported_features & vmbi_contact_features(guest)
                          : 0;
    if (guest->version < VMB_VERSION_2_4) {
        /*
         * Flag 0 means it from the first offer on. Relaxed: the fence with which the answer was
         * taken out of its slot has released the page as it was cleared.
         */
        vmb_atomic_store(&guest->legacy_page, contact_page(guest, CONTACT_INTERRUPT_PAGE),
                         VMB_RELAXED);
    }
    vmb_atomic_store(&guest->monitor_page, contact_monitor_page(guest, response), VMB_RELAXED);
    vmbi_bus_move(guest, BUS_CONNECTED);
    contact_end(guest, VMB_OK);
    if (guest->state == BUS_CONNECTED && !guest->offers_post.queued) {
        vmbi_post_queue(guest, &guest->offers_post, POST_REQUEST_OFFERS);
    }
}

void vmbi_on_version_response(struct vmb_guest *guest, const struct vmb_message *message)
{
    const struct vmb_msg_version_response *response = &message->u.version_response;

    if (guest->contact_waiting || guest->contact_post.queued) {
        vmbi_unexpected(guest, message->number, 0);
        return;
    }
    guest->contact_doubtful = false;
    if (!response->version_supported) {
        contact_ask_lower(guest);
        return;
    }
    if (response->connection_state != VMB_CONNECTION_STATE_OK) {
        /* The version is right and the connection failed all the same: a lower one would too. */
        contact_end(guest, VMB_ERR_REFUSED);
        return;
    }
    guest->contact_doubtful = true;
    guest->shares_lost = false;
    contact_accepted(guest, response);
}

/* All that the host has is offered. */
void vmbi_offers_end(struct vmb_guest *guest)
{
    guest->offers_told = true;
    if (guest->suspended_version != 0) {
        guest->sleep->woken(guest);
    }
    if (guest->events.offers_delivered != NULL) {
        guest->events.offers_delivered(guest->events.context);
    }
}

void vmbi_offers_requested(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    (void)post;
    if (status != VMB_OK && !guest->offers_told) {
        /* Nothing will be offered; whoever waits for the end of the offers must not wait for ever.
         */
        vmbi_offers_end(guest);
    }
}

/* ---- Leaving ----------------------------------------------------------------------------------
 */

static void unload_tell(struct vmb_guest *guest, vmb_status status)
{
    if (guest->events.unloaded != NULL) {
        guest->events.unloaded(guest->events.context, status);
    }
}

vmb_status vmb_guest_unload(struct vmb_guest *guest)
{
    struct vmb_channel *channel = NULL;

    if (guest->state == BUS_DISCONNECTED && guest->suspended_version != 0) {
        guest->sleep->give_up(guest);
        unload_tell(guest, VMB_OK);
        return VMB_OK;
    }
    if (guest->state != BUS_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    vmbi_bus_move(guest, BUS_LEAVING);
    while ((channel = vmbi_channel_after(guest, channel)) != NULL) {
        vmbi_channel_shut(channel);
    }
    guest->leave_ticket = vmbi_grace_begin(&guest->grace);
    return VMB_OK;
}

/* Channels whose handler is still owned by a VP or by a poller that has not rearmed yet. */
static bool leave_is_quiet(struct vmb_guest *guest)
{
    struct vmb_channel *channel = NULL;

    if (!vmbi_grace_over(&guest->grace, guest->leave_ticket)) {
        return false;
    }
    while ((channel = vmbi_channel_after(guest, channel)) != NULL) {
        /* An opening holds its own gate: nobody is inside. */
        if (channel->phase != PHASE_OPEN_ASKING && !vmbi_gate_idle(channel->gate)) {
            return false;
        }
    }
    return true;
}

/* No handler runs any more: end every wait, then say Unload, behind which nothing is sent. */
void vmbi_leave_poll(struct vmb_guest *guest)
{
    struct vmb_channel *channel = NULL;
    uint32_t index;

    if (guest->state != BUS_LEAVING || !leave_is_quiet(guest)) {
        return;
    }
    vmbi_bus_move(guest, BUS_UNLOADING);
    while ((channel = vmbi_channel_after(guest, channel)) != NULL) {
        vmbi_channel_drop(channel);
    }
    guest->shares_lost |= guest->gpadls != NULL;
    for (index = 0; index < PART_COUNT; index++) {
        if (guest->parts[index] != NULL && guest->parts[index]->forget != NULL) {
            guest->parts[index]->forget(guest);
        }
    }
    vmbi_post_cancel(guest, &guest->offers_post);
    guest->deadline_ns = VMB_NEVER;
    vmbi_post_queue(guest, &guest->unload_post, POST_UNLOAD);
}

/* The bus is left. Memory goes back only if the host confirmed. */
static void unload_end(struct vmb_guest *guest, vmb_status status)
{
    bool suspending = guest->suspending;
    struct vmb_channel *channel = NULL;

    /* Server 2008 confirms nothing, and may look into the interrupt page once more. */
    guest->contact_doubtful = status != VMB_OK || guest->version < VMB_VERSION_1_1;
    guest->version = 0;
    guest->features = 0;
    guest->suspending = false;
    guest->deadline_ns = VMB_NEVER;
    contact_unshare(guest);
    while ((channel = vmbi_channel_after(guest, channel)) != NULL) {
        vmbi_rings_leave(channel, status == VMB_OK);
        if (suspending) {
            guest->sleep->leave(channel);
        } else {
            vmbi_channel_free(channel);
        }
    }
    /* Now: who was told that one is gone may have let go of another, or wished to do more. */
    guest->quiescing = NULL;
    vmbi_bus_move(guest, BUS_DISCONNECTED);
    guest->leave_ticket = vmbi_grace_begin(&guest->grace);
    if (!suspending) {
        guest->suspended_version = 0; /* What had not woken up yet has been given up, too. */
        unload_tell(guest, status);
    } else if (guest->events.suspended != NULL) {
        guest->events.suspended(guest->events.context, status);
    }
}

void vmbi_unload_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    (void)post;
    if (status != VMB_OK) {
        unload_end(guest, status);
    } else if (guest->version < VMB_VERSION_1_1) {
        /* Server 2008 has no UnloadComplete: what it held when we left it may hold for ever. */
        unload_end(guest, guest->shares_lost ? VMB_ERR_STILL_SHARED : VMB_OK);
    } else {
        guest->deadline_ns = vmbi_deadline(guest, guest->options.unload_timeout_ns);
    }
}

void vmbi_on_unload_complete(struct vmb_guest *guest, const struct vmb_message *message)
{
    if (guest->unload_post.queued) {
        vmbi_unexpected(guest, message->number, 0);
        return;
    }
    unload_end(guest, VMB_OK);
}

/* The host did not answer the bus's own request. */
void vmbi_bus_timeout(struct vmb_guest *guest)
{
    guest->counters.requests_timed_out++;
    if (guest->state == BUS_CONTACTING) {
        contact_end(guest, VMB_ERR_TIMEOUT);
    } else if (guest->state == BUS_UNLOADING) {
        unload_end(guest, VMB_ERR_TIMEOUT);
    } else {
        guest->deadline_ns = VMB_NEVER;
    }
}
