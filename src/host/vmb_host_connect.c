/* SPDX-License-Identifier: MIT */
/*
 * The connection: contact, version, leaving, and what comes after leaving. Whoever makes contact
 * gets a bus on which nothing of a former connection is left: every channel is closed, every page
 * unmapped and every queued message gone before the answer goes out. That can take a while, since
 * devices finish what they do; a request that comes meanwhile replaces the one that waits.
 */
#include "host/vmb_host_internal.h"
#include "host/vmb_host_moves.h"

#define CONNECT_SINTS 16u

/* Where the answer to a contact request goes: below 3.0 always VP 0. */
static uint32_t connect_vp(const struct vmb_msg_initiate_contact *request)
{
    return request->requested_version >= VMB_VERSION_3_0 ? request->target_message_vp : 0;
}

static void connect_respond(struct vmb_host *host, const struct vmb_msg_initiate_contact *request,
                            const struct vmb_msg_version_response *response, bool trusted,
                            uint8_t sint)
{
    struct vmb_message message = {.number = VMB_MSG_VERSION_RESPONSE};
    uint32_t version = request->requested_version;

    message.u.version_response = *response;
    vmbi_host_send_to(host, &message, vmb_version_known(version) ? version : VMB_VERSION_NEWEST,
                      trusted, connect_vp(request), sint);
}

static void connect_refuse(struct vmb_host *host, const struct vmb_msg_initiate_contact *request,
                           bool trusted, uint8_t sint)
{
    struct vmb_msg_version_response response = {0};

    host->counters.versions_refused++;
    connect_respond(host, request, &response, trusted, sint);
}

static vmb_status connect_map_page(struct vmb_host *host, vmb_gpa gpa,
                                   struct vmb_host_mapping *out_mapping)
{
    vmb_gpn gpn = gpa >> VMB_PAGE_SHIFT;

    if (gpa % VMB_PAGE_BYTES != 0) {
        return VMB_ERR_PEER;
    }
    return host->platform.map_pages(host->platform.context, &gpn, 1, out_mapping);
}

void vmbi_host_connection_unmap(struct vmb_host *host)
{
    struct vmbi_host_connection *connection = &host->connection;

    if (connection->has_interrupt_page) {
        connection->has_interrupt_page = false;
        host->platform.unmap_pages(host->platform.context, &connection->interrupt_page, 1);
    }
    if (connection->has_monitor_page) {
        connection->has_monitor_page = false;
        host->platform.unmap_pages(host->platform.context, &connection->monitor_page, 1);
    }
}

/* Below 1.1 all channels share a doorbell, which comes and goes with the connection. */
static bool connect_shares_doorbell(const struct vmb_host *host)
{
    uint32_t version = host->connection.version;

    return version != VMB_VERSION_NONE && version < VMB_VERSION_1_1;
}

void vmbi_host_connection_silence(struct vmb_host *host)
{
    if (connect_shares_doorbell(host) && host->platform.doorbell_close != NULL) {
        host->platform.doorbell_close(host->platform.context, VMB_CONNECTION_EVENT);
    }
}

vmb_status vmbi_host_connection_map(struct vmb_host *host)
{
    struct vmbi_host_connection *connection = &host->connection;
    bool interrupt_page = connection->has_interrupt_page;
    bool monitor_page = connection->has_monitor_page;
    vmb_status status = VMB_OK;

    connection->has_interrupt_page = false;
    connection->has_monitor_page = false;
    if (interrupt_page) {
        status =
            connect_map_page(host, connection->interrupt_page_gpa, &connection->interrupt_page);
        connection->has_interrupt_page = status == VMB_OK;
    }
    if (monitor_page && status == VMB_OK) {
        status = connect_map_page(host, connection->monitor_page_gpa, &connection->monitor_page);
        connection->has_monitor_page = status == VMB_OK;
    }
    if (status == VMB_OK && connect_shares_doorbell(host) && host->platform.doorbell_open != NULL) {
        status = host->platform.doorbell_open(host->platform.context, VMB_CONNECTION_EVENT);
    }
    if (status != VMB_OK) {
        vmbi_host_connection_unmap(host);
    }
    return status == VMB_ERR_PEER ? VMB_ERR_MALFORMED : status;
}

/* Change the monitor pages; we look at the one that the guest writes. Both of them or neither. */
static vmb_status connect_set_monitor(struct vmb_host *host, vmb_gpa parent_to_child,
                                      vmb_gpa child_to_parent)
{
    struct vmbi_host_connection *connection = &host->connection;
    struct vmb_host_mapping mapping;

    if ((parent_to_child != 0) != (child_to_parent != 0)) {
        return VMB_ERR_PEER;
    }
    if (child_to_parent != 0) {
        vmb_status status = connect_map_page(host, child_to_parent, &mapping);

        if (status != VMB_OK) {
            return status;
        }
    }
    if (connection->has_monitor_page) {
        host->platform.unmap_pages(host->platform.context, &connection->monitor_page, 1);
    }
    connection->has_monitor_page = child_to_parent != 0;
    if (connection->has_monitor_page) {
        connection->monitor_page = mapping;
        connection->monitor_page_gpa = child_to_parent;
    }
    return VMB_OK;
}

/* What only hosts below 2.4, and of these the oldest, need of the guest and of the platform. */
static vmb_status connect_prepare_legacy(struct vmb_host *host,
                                         const struct vmb_msg_initiate_contact *request)
{
    struct vmbi_host_connection *connection = &host->connection;
    vmb_status status;

    if (request->requested_version >= VMB_VERSION_2_4) {
        return VMB_OK;
    }
    if (request->interrupt_page_gpa == 0) {
        return VMB_ERR_PEER;
    }
    status = connect_map_page(host, request->interrupt_page_gpa, &connection->interrupt_page);
    if (status != VMB_OK) {
        return status;
    }
    connection->has_interrupt_page = true;
    connection->interrupt_page_gpa = request->interrupt_page_gpa;
    if (request->requested_version < VMB_VERSION_1_1 && host->platform.doorbell_open != NULL) {
        return host->platform.doorbell_open(host->platform.context, VMB_CONNECTION_EVENT);
    }
    return VMB_OK;
}

static bool connect_host_pages(const struct vmb_host *host, uint32_t features)
{
    return (features & VMB_FEATURE_HOST_MONITOR_PAGES) != 0 &&
           host->options.child_to_parent_gpa != 0;
}

static vmb_status connect_prepare(struct vmb_host *host,
                                  const struct vmb_msg_initiate_contact *request, uint32_t features)
{
    vmb_status status;

    if (connect_host_pages(host, features)) {
        status = connect_set_monitor(host, host->options.parent_to_child_gpa,
                                     host->options.child_to_parent_gpa);
    } else {
        status =
            connect_set_monitor(host, request->parent_to_child_gpa, request->child_to_parent_gpa);
    }
    return status == VMB_OK ? connect_prepare_legacy(host, request) : status;
}

static void connect_negotiate(struct vmb_host *host)
{
    struct vmbi_host_connection *connection = &host->connection;
    const struct vmb_msg_initiate_contact *request = &connection->request;
    struct vmb_msg_version_response response = {.version_supported = true};
    uint32_t version = request->requested_version;
    uint32_t features = 0;
    vmb_status status;

    if (!vmb_version_known(version) || version < host->options.min_version ||
        version > host->options.max_version) {
        connect_refuse(host, request, connection->request_trusted, VMB_HOST_SINT);
        return;
    }
    if (version >= VMB_VERSION_6_0) {
        features =
            vmbi_host_features(host, request->requested_features, connection->request_trusted);
    }
    status = connect_prepare(host, request, features);
    if (status != VMB_OK) {
        vmbi_host_connection_unmap(host);
        vmbi_host_log(host, VMB_LOG_WARNING, "contact fails for a page of the guest's; version",
                      version);
        if (version < VMB_VERSION_2_4) { /* There is no other way to say so. */
            connect_refuse(host, request, connection->request_trusted, VMB_HOST_SINT);
            return;
        }
        response.connection_state =
            status == VMB_ERR_NO_MEMORY ? VMB_CONNECTION_STATE_LOW : VMB_CONNECTION_STATE_FAILED;
        connect_respond(host, request, &response, connection->request_trusted, VMB_HOST_SINT);
        return;
    }
    vmbi_host_connection_move(connection, VMBI_HOST_CONNECTED);
    connection->version = version;
    connection->features = features;
    connection->trusted = connection->request_trusted;
    connection->vp = connect_vp(request);
    response.selected_version = version;
    response.message_connection_id = VMB_CONNECTION_MULTICLIENT;
    response.supported_features = features;
    if (connect_host_pages(host, features)) {
        response.parent_to_child_gpa = host->options.parent_to_child_gpa;
        response.child_to_parent_gpa = host->options.child_to_parent_gpa;
    }
    connect_respond(host, request, &response, connection->request_trusted, VMB_HOST_SINT);
    if (host->events.connected != NULL) {
        host->events.connected(host->events.context, version, features);
    }
}

/* Begin to leave, in any state; @next replaces what was to come after a leaving under way. */
static void connect_leave(struct vmb_host *host, enum vmbi_host_next next,
                          enum vmb_host_disconnect reason)
{
    struct vmbi_host_connection *connection = &host->connection;
    uint32_t i;

    connection->next = (uint8_t)next;
    connection->reason = (uint8_t)reason;
    connection->announce = connection->announce || connection->state == VMBI_HOST_CONNECTED;
    vmbi_host_connection_move(connection, VMBI_HOST_DISCONNECTING);
    connection->paused = false;
    connection->offers_requested = false;
    connection->all_offers_due = false;
    host->offers_due = false;
    host->offers_full = false;
    vmbi_host_outbox_clear(host);
    for (i = 0; i < host->channel_high; i++) {
        if (host->channels[i].in_use) {
            vmbi_host_open_disconnect(&host->channels[i]);
        }
    }
    vmbi_host_connection_settle(host);
}

static bool connect_channels_at_rest(const struct vmb_host *host)
{
    uint32_t i;

    for (i = 0; i < host->channel_high; i++) {
        const struct vmb_host_channel *channel = &host->channels[i];

        if (channel->in_use && !channel->reserved &&
            (channel->phase != VMBI_PHASE_IDLE ||
             channel->state != VMB_HOST_CHANNEL_CLIENT_RELEASED || vmbi_host_gpadl_any(channel))) {
            return false;
        }
    }
    return true;
}

static void connect_unloaded(struct vmb_host *host)
{
    struct vmb_message message = {.number = VMB_MSG_UNLOAD_COMPLETE};
    uint32_t version = host->connection.version;

    /* To whom nobody is known to be connected we say it as well: it waits for it. */
    vmbi_host_send_to(host, &message, version == VMB_VERSION_NONE ? VMB_VERSION_NEWEST : version,
                      host->connection.trusted, host->connection.vp, VMB_HOST_SINT);
}

void vmbi_host_connection_settle(struct vmb_host *host)
{
    struct vmbi_host_connection *connection = &host->connection;

    if (connection->state != VMBI_HOST_DISCONNECTING) {
        return;
    }
    vmbi_host_gpadl_settle(host);
    if (!connect_channels_at_rest(host)) {
        host->settle_due = true;
        return;
    }
    vmbi_host_connection_unmap(host);
    vmbi_host_connection_silence(host);
    if (connection->next == VMBI_HOST_NEXT_UNLOADED) {
        connect_unloaded(host);
    } else if (connection->next == VMBI_HOST_NEXT_RESET) {
        connection->vp = 0;
    }
    vmbi_host_connection_move(connection, VMBI_HOST_DISCONNECTED);
    connection->version = VMB_VERSION_NONE;
    connection->features = 0;
    connection->trusted = false;
    if (connection->announce) {
        connection->announce = false;
        if (host->events.disconnected != NULL) {
            host->events.disconnected(host->events.context,
                                      (enum vmb_host_disconnect)connection->reason);
        }
    }
    if (connection->state == VMBI_HOST_DISCONNECTED && connection->next == VMBI_HOST_NEXT_CONTACT) {
        connection->next = VMBI_HOST_NEXT_RESET;
        connect_negotiate(host);
    }
}

void vmbi_host_contact(struct vmb_host *host, const struct vmb_msg_initiate_contact *request,
                       bool multiclient)
{
    /* On the old connection, and below 5.0, these bytes mean something else. */
    bool aimed = multiclient && request->requested_version >= VMB_VERSION_5_0;
    /* Who waits until the bus is free has a place for the answer. */
    uint32_t room = host->connection.state == VMBI_HOST_DISCONNECTING ? 2 : 1;

    host->counters.contacts++;
    if (aimed && request->requested_version >= VMB_VERSION_5_1 && request->target_vtl != 0) {
        if (host->events.contact_for_other_vtl != NULL) {
            host->events.contact_for_other_vtl(host->events.context, request);
        }
    } else if (aimed && request->target_sint != VMB_HOST_SINT) {
        if (request->target_sint < CONNECT_SINTS && vmbi_host_outbox_room(host, room)) {
            connect_refuse(host, request, host->acting_trusted, request->target_sint);
        }
    } else {
        host->connection.request = *request;
        host->connection.request_trusted = host->acting_trusted;
        connect_leave(host, VMBI_HOST_NEXT_CONTACT, VMB_HOST_CONTACTED);
    }
}

void vmbi_host_unload(struct vmb_host *host)
{
    if (host->connection.state == VMBI_HOST_DISCONNECTED) {
        host->connection.trusted = host->acting_trusted; /* The answer goes where it came from. */
    }
    connect_leave(host, VMBI_HOST_NEXT_UNLOADED, VMB_HOST_UNLOADED);
}

void vmb_host_reset(struct vmb_host *host)
{
    while (vmbi_host_inbox_peek(host) != NULL) {
        vmbi_host_inbox_drop(host); /* Of the machine before the reset. */
    }
    connect_leave(host, VMBI_HOST_NEXT_RESET, VMB_HOST_RESET);
}

void vmbi_host_modify_connection(struct vmb_host *host,
                                 const struct vmb_msg_modify_connection *request)
{
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CONNECTION_RESPONSE};
    vmb_status status = VMB_ERR_WRONG_STATE;

    if (!connect_host_pages(host, host->connection.features)) {
        status =
            connect_set_monitor(host, request->parent_to_child_gpa, request->child_to_parent_gpa);
    }
    if (status == VMB_ERR_NO_MEMORY) {
        message.u.modify_connection_response.connection_state = VMB_CONNECTION_STATE_LOW;
    } else if (status != VMB_OK) {
        message.u.modify_connection_response.connection_state = VMB_CONNECTION_STATE_FAILED;
    }
    if (status == VMB_OK) {
        vmbi_host_monitors_describe(host);
    }
    vmbi_host_send(host, &message);
}

void vmbi_host_pause(struct vmb_host *host)
{
    struct vmb_message message = {.number = VMB_MSG_PAUSE_RESPONSE};

    vmbi_host_send(host, &message);
    host->connection.paused = true;
    host->connection.hold_after = host->out_count;
}

void vmbi_host_resume(struct vmb_host *host)
{
    host->connection.paused = false;
}

static void connect_tl_refuse(struct vmb_host *host, const struct vmb_guid *endpoint_guid,
                              const struct vmb_guid *service_guid)
{
    struct vmb_message message = {.number = VMB_MSG_TL_CONNECT_RESULT};

    message.u.tl_connect_result.endpoint_guid = *endpoint_guid;
    message.u.tl_connect_result.service_guid = *service_guid;
    message.u.tl_connect_result.status = VMB_NTSTATUS_CONNECTION_REFUSED;
    vmbi_host_send(host, &message);
}

void vmbi_host_tl_connect(struct vmb_host *host, const struct vmb_msg_tl_connect_request *request)
{
    vmb_status status = VMB_ERR_REFUSED;

    if (host->events.tl_connect != NULL) {
        status = host->events.tl_connect(host->events.context, request);
    }
    if (status != VMB_OK && status != VMB_ERR_BUSY) {
        connect_tl_refuse(host, &request->endpoint_guid, &request->service_guid);
    }
}

vmb_status vmb_host_tl_refuse(struct vmb_host *host, const struct vmb_guid *endpoint_guid,
                              const struct vmb_guid *service_guid)
{
    if (host->connection.state != VMBI_HOST_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    /* Called from within a callback, it must not take the room of what comes after that. */
    if (!vmbi_host_outbox_room(host, 1 + VMBI_HOST_MESSAGE_ROOM)) {
        return VMB_ERR_RETRY;
    }
    connect_tl_refuse(host, endpoint_guid, service_guid);
    return VMB_OK;
}
