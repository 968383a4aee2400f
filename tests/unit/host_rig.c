/* SPDX-License-Identifier: MIT */
/* See host_rig.h. */
#include "host_rig.h"

#define HRIG_RING_HANDLE 100u

static vmb_status hrig_post_message(void *context, uint32_t vp, uint8_t sint, const void *message,
                                    uint32_t message_bytes)
{
    struct hrig *rig = context;
    struct hrig_posted *posted = &rig->posted[rig->posted_count];

    if (rig->post_error != VMB_OK) {
        return rig->post_error;
    }
    if (rig->slots_free == 0) {
        return VMB_ERR_RETRY;
    }
    rig->slots_free--;
    assert_true(rig->posted_count < HRIG_POSTED);
    assert_in_range(message_bytes, VMB_MESSAGE_HEADER_BYTES, VMB_MESSAGE_MAX_BYTES);
    posted->vp = vp;
    posted->sint = sint;
    posted->byte_count = message_bytes;
    memcpy(posted->bytes, message, message_bytes);
    assert_true(vmb_message_decode(posted->bytes, message_bytes, VMB_HOST_TO_GUEST,
                                   rig->version != 0 ? rig->version : VMB_VERSION_NEWEST,
                                   rig->features, &posted->message) == VMB_OK ||
                rig->lenient);
    rig->posted_count++;
    return VMB_OK;
}

static void hrig_raise_event(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    struct hrig *rig = context;
    struct hrig_event *event = &rig->events[rig->event_count++ % HRIG_EVENTS];

    event->vp = vp;
    event->sint = sint;
    event->flag = flag;
    if (rig->in_raise != NULL) {
        rig->in_raise(rig);
    }
}

/* Consecutive pages are where they are; others are a copy, enough for what the tests look at. */
static vmb_status hrig_map(void *context, const vmb_gpn *gpns, uint32_t page_count,
                           struct vmb_host_mapping *out_mapping)
{
    struct hrig *rig = context;
    bool consecutive = true;
    uint32_t i;

    assert_true(page_count > 0);
    if (rig->maps_before_refusal > 0) {
        rig->maps_before_refusal--;
    } else if (rig->maps_refused > 0) {
        rig->maps_refused--;
        return rig->map_error;
    }
    for (i = 0; i < page_count; i++) {
        if (gpns[i] < HRIG_FIRST_GPN || gpns[i] >= HRIG_FIRST_GPN + HRIG_PAGES) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        consecutive = consecutive && gpns[i] == gpns[0] + i;
    }
    out_mapping->owner = NULL;
    out_mapping->base = hrig_page(rig, (uint32_t)(gpns[0] - HRIG_FIRST_GPN));
    if (!consecutive) {
        uint8_t *copy = aligned_alloc(VMB_PAGE_BYTES, (size_t)page_count * VMB_PAGE_BYTES);

        for (i = 0; i < page_count; i++) {
            memcpy(copy + (size_t)i * VMB_PAGE_BYTES,
                   hrig_page(rig, (uint32_t)(gpns[i] - HRIG_FIRST_GPN)), VMB_PAGE_BYTES);
        }
        out_mapping->base = copy;
        out_mapping->owner = copy;
    }
    rig->mapped_pages += page_count;
    return VMB_OK;
}

static void hrig_unmap(void *context, const struct vmb_host_mapping *mapping, uint32_t page_count)
{
    struct hrig *rig = context;

    assert_true(rig->mapped_pages >= page_count);
    rig->mapped_pages -= page_count;
    free(mapping->owner);
}

static uint64_t hrig_now(void *context)
{
    return ((struct hrig *)context)->now_ns;
}

static vmb_status hrig_doorbell_open(void *context, uint32_t connection_id)
{
    struct hrig *rig = context;

    if (rig->doorbell_answer != VMB_OK) {
        return rig->doorbell_answer;
    }
    rig->doorbells_open++;
    rig->last_doorbell = connection_id;
    return VMB_OK;
}

static void hrig_doorbell_close(void *context, uint32_t connection_id)
{
    struct hrig *rig = context;

    (void)connection_id;
    assert_true(rig->doorbells_open > 0);
    rig->doorbells_open--;
}

static void hrig_work_ready(void *context)
{
    ((struct hrig *)context)->work_ready_count++;
}

static void hrig_run_ready(void *context)
{
    ((struct hrig *)context)->run_ready_count++;
}

static void hrig_log(void *context, enum vmb_log_level level, const char *text)
{
    (void)level;
    assert_true(strlen(text) < VMB_LOG_MAX_BYTES);
    ((struct hrig *)context)->log_count++;
}

static void hrig_connected(void *context, uint32_t version, uint32_t features)
{
    struct hrig *rig = context;

    rig->connected_count++;
    rig->connected_version = version;
    rig->version = version;
    rig->features = features;
}

static void hrig_disconnected(void *context, enum vmb_host_disconnect reason)
{
    struct hrig *rig = context;

    rig->disconnected_count++;
    rig->disconnect_reason = reason;
}

static vmb_status hrig_tl_connect(void *context, const struct vmb_msg_tl_connect_request *request)
{
    struct hrig *rig = context;

    (void)request;
    rig->tl_count++;
    return rig->tl_answer;
}

static void hrig_other_vtl(void *context, const struct vmb_msg_initiate_contact *request)
{
    (void)request;
    ((struct hrig *)context)->other_vtl_count++;
}

/* ---- Devices --------------------------------------------------------------------------------- */

static void hrig_device_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct hrig_device *device = context;

    assert_null(device->endpoint);
    device->endpoint = endpoint;
    device->opened++;
}

static void hrig_device_event(void *context)
{
    struct hrig_device *device = context;

    assert_non_null(device->endpoint);
    device->runs++;
    if (device->in_event != NULL) {
        device->in_event(device);
    }
}

static void hrig_device_closed(void *context, vmb_status reason)
{
    struct hrig_device *device = context;

    assert_non_null(device->endpoint);
    device->endpoint = NULL;
    device->closed++;
    device->reason = reason;
    if (device->in_closed != NULL) {
        device->in_closed(device);
    }
}

static vmb_status hrig_device_open(void *context, struct vmb_host_channel *channel,
                                   const struct vmb_host_open *request)
{
    struct hrig_device *device = context;

    (void)channel;
    device->asked_open++;
    device->last_open = *request;
    memcpy(device->last_user_data, request->user_data, sizeof(device->last_user_data));
    return device->open_answer;
}

static vmb_status hrig_device_close(void *context, struct vmb_host_channel *channel)
{
    struct hrig_device *device = context;

    (void)channel;
    device->asked_close++;
    return device->close_answer;
}

static vmb_status hrig_device_gpadl(void *context, struct vmb_host_channel *channel,
                                    uint32_t handle)
{
    struct hrig_device *device = context;

    (void)channel;
    device->gpadls_created++;
    device->last_gpadl = handle;
    return device->gpadl_answer;
}

static void hrig_device_teardown(void *context, struct vmb_host_channel *channel, uint32_t handle)
{
    struct hrig_device *device = context;

    (void)channel;
    (void)handle;
    device->gpadls_torn_down++;
}

static void hrig_device_modified(void *context, struct vmb_host_channel *channel, uint32_t vp)
{
    (void)channel;
    ((struct hrig_device *)context)->modified_vp = vp;
}

static void hrig_device_control(void *context, struct vmb_host_channel *channel)
{
    (void)channel;
    ((struct hrig_device *)context)->controls++;
}

static void hrig_device_released(void *context)
{
    struct hrig_device *device = context;

    assert_null(device->endpoint);
    device->released++;
    if (device->in_released != NULL) {
        device->in_released(device);
    }
}

static vmb_status hrig_device_save(void *context, struct vmb_host_channel *channel, bool open,
                                   void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    struct hrig_device *device = context;
    uint8_t bytes[5] = {open, (uint8_t)device->memo, (uint8_t)(device->memo >> 8),
                        (uint8_t)(device->memo >> 16), (uint8_t)(device->memo >> 24)};

    assert_ptr_equal(channel, device->channel);
    assert_true(!open || device->endpoint != NULL); /* One that is stopping still has it. */
    if (device->save_answer != VMB_OK) {
        return device->save_answer;
    }
    *out_bytes = sizeof(bytes);
    if (buffer_bytes < sizeof(bytes)) {
        return VMB_ERR_TOO_SMALL;
    }
    memcpy(buffer, bytes, sizeof(bytes));
    device->saved++;
    return VMB_OK;
}

static vmb_status hrig_device_restore(void *context, struct vmb_host_channel *channel,
                                      struct vmb_endpoint *endpoint, const void *bytes,
                                      size_t byte_count)
{
    struct hrig_device *device = context;
    const uint8_t *from = bytes;

    if (device->restore_answer != VMB_OK) {
        return device->restore_answer;
    }
    if (byte_count != 5 || from[0] != (endpoint != NULL)) {
        return VMB_ERR_MALFORMED;
    }
    device->channel = channel;
    device->endpoint = endpoint;
    device->memo =
        from[1] | (uint32_t)from[2] << 8 | (uint32_t)from[3] << 16 | (uint32_t)from[4] << 24;
    device->restored++;
    if (device->in_restore != NULL) {
        device->in_restore(device);
    }
    return VMB_OK;
}

const struct vmb_driver hrig_driver = {
    .name = "rig",
    .class_id = {{0xC1, 0xA5}},
    .opened = hrig_device_opened,
    .on_event = hrig_device_event,
    .closed = hrig_device_closed,
};

const struct vmb_host_hooks hrig_hooks = {
    .struct_bytes = sizeof(struct vmb_host_hooks),
    .open = hrig_device_open,
    .close = hrig_device_close,
    .gpadl_created = hrig_device_gpadl,
    .gpadl_teardown = hrig_device_teardown,
    .modified = hrig_device_modified,
    .control = hrig_device_control,
    .released = hrig_device_released,
    .save = hrig_device_save,
    .restore = hrig_device_restore,
};

/* ---- The bench ------------------------------------------------------------------------------- */

static void hrig_make_host(struct hrig *rig, const struct vmb_host_options *options)
{
    struct vmb_host_options small = {.struct_bytes = sizeof(small),
                                     .vp_count = 8,
                                     .channel_limit = 16,
                                     .gpadl_page_limit = 20000,
                                     .message_limit = 64};
    struct vmb_host_platform platform = {.struct_bytes = sizeof(platform),
                                         .context = rig,
                                         .post_message = hrig_post_message,
                                         .raise_event = hrig_raise_event,
                                         .map_pages = hrig_map,
                                         .unmap_pages = hrig_unmap,
                                         .now_ns = hrig_now};
    struct vmb_host_events events = {.struct_bytes = sizeof(events),
                                     .context = rig,
                                     .connected = hrig_connected,
                                     .disconnected = hrig_disconnected,
                                     .tl_connect = hrig_tl_connect,
                                     .contact_for_other_vtl = hrig_other_vtl};

    if (options == NULL) {
        options = &small;
    }
    if (!rig->bare) {
        platform.doorbell_open = hrig_doorbell_open;
        platform.doorbell_close = hrig_doorbell_close;
        platform.work_ready = hrig_work_ready;
        platform.run_ready = hrig_run_ready;
        platform.log = hrig_log;
    }
    rig->memory_bytes = vmb_host_memory_bytes(options);
    rig->memory = aligned_alloc(64, rig->memory_bytes);
    assert_int_equal(vmb_host_init(rig->memory, rig->memory_bytes, options, &platform,
                                   rig->bare ? NULL : &events, &rig->host),
                     VMB_OK);
}

static struct hrig *hrig_new_as(const struct vmb_host_options *options, bool bare)
{
    struct hrig *rig = calloc(1, sizeof(*rig));
    uint32_t i;

    rig->bare = bare;
    rig->slots_free = UINT32_MAX;
    rig->map_error = VMB_ERR_NO_MEMORY;
    rig->posted = calloc(HRIG_POSTED, sizeof(*rig->posted));
    rig->guest_memory = aligned_alloc(VMB_PAGE_BYTES, (size_t)HRIG_PAGES * VMB_PAGE_BYTES);
    memset(rig->guest_memory, 0, (size_t)HRIG_PAGES * VMB_PAGE_BYTES);
    hrig_make_host(rig, options);
    for (i = 0; i < HRIG_DEVICES; i++) {
        rig->devices[i].rig = rig;
    }
    return rig;
}

struct hrig *hrig_new(const struct vmb_host_options *options)
{
    return hrig_new_as(options, false);
}

struct hrig *hrig_new_bare(const struct vmb_host_options *options)
{
    return hrig_new_as(options, true);
}

void hrig_restart(struct hrig *rig, const struct vmb_host_options *options)
{
    uint32_t i;

    free(rig->memory);
    rig->mapped_pages = 0;
    rig->doorbells_open = 0;
    for (i = 0; i < HRIG_DEVICES; i++) {
        rig->devices[i] = (struct hrig_device){.rig = rig};
    }
    hrig_make_host(rig, options);
}

void hrig_free(struct hrig *rig)
{
    struct vmb_host_counters counters;
    uint32_t i;

    rig->slots_free = UINT32_MAX;
    rig->post_error = VMB_OK;
    vmb_host_reset(rig->host);
    for (i = 0; i < HRIG_DEVICES; i++) {
        if (rig->devices[i].channel != NULL &&
            vmb_host_close_done(rig->devices[i].channel) != VMB_OK &&
            vmb_host_open_done(rig->devices[i].channel, VMB_ERR_REFUSED) != VMB_OK) {
            rig->devices[i].channel = NULL; /* Nothing was put off. */
        }
    }
    hrig_poll(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.gpadls_in_use, 0);
    assert_int_equal(counters.gpadl_words_in_use, 0);
    assert_int_equal(rig->mapped_pages, 0);
    assert_int_equal(rig->doorbells_open, 0);
    assert_int_equal(vmb_host_deinit(rig->host), VMB_OK);
    free(rig->memory);
    free(rig->guest_memory);
    free(rig->posted);
    free(rig);
}

void hrig_poll(struct hrig *rig)
{
    uint32_t rounds = 0;

    while (vmb_host_poll(rig->host)) {
        assert_true(++rounds < 10000);
    }
}

void hrig_run(struct hrig *rig)
{
    uint32_t rounds = 0;

    while (vmb_host_run(rig->host, 1)) {
        assert_true(++rounds < 10000);
    }
}

void hrig_post_bytes(struct hrig *rig, uint32_t connection_id, const void *bytes, uint32_t count)
{
    assert_int_equal(vmb_host_on_message(rig->host, connection_id, bytes, count), VMB_OK);
    hrig_poll(rig);
}

void hrig_post(struct hrig *rig, const struct vmb_message *message)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t count;

    assert_int_equal(
        vmb_message_encode(message, rig->version, rig->features, bytes, sizeof(bytes), &count),
        VMB_OK);
    hrig_post_bytes(rig, rig->guest_connection, bytes, count);
}

const struct vmb_message *hrig_expect(struct hrig *rig, uint32_t number)
{
    assert_true(rig->posted_read < rig->posted_count);
    assert_int_equal(rig->posted[rig->posted_read].message.number, number);
    return &rig->posted[rig->posted_read++].message;
}

const struct hrig_posted *hrig_last(const struct hrig *rig)
{
    assert_true(rig->posted_read > 0);
    return &rig->posted[rig->posted_read - 1];
}

void hrig_expect_nothing(struct hrig *rig)
{
    if (rig->posted_read < rig->posted_count) {
        fail_msg("unexpected %s", vmb_message_name(rig->posted[rig->posted_read].message.number));
    }
}

void hrig_contact(struct hrig *rig, uint32_t version, uint32_t features)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    struct vmb_msg_initiate_contact *contact = &message.u.initiate_contact;

    rig->version = version;
    rig->features = features;
    rig->guest_connection =
        version >= VMB_VERSION_5_0 ? VMB_CONNECTION_MULTICLIENT : VMB_CONNECTION_MESSAGE;
    contact->requested_version = version;
    contact->requested_features = features;
    contact->target_message_vp = 3;
    contact->target_sint = VMB_HOST_SINT;
    contact->interrupt_page_gpa = (vmb_gpa)(HRIG_FIRST_GPN + HRIG_PAGES - 1) * VMB_PAGE_BYTES;
    hrig_post(rig, &message);
}

void hrig_connect(struct hrig *rig, uint32_t version, uint32_t features)
{
    hrig_contact(rig, version, features);
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
}

void hrig_header_only(struct hrig *rig, uint32_t number)
{
    struct vmb_message message = {.number = number};

    hrig_post(rig, &message);
}

void hrig_gpadl(struct hrig *rig, uint32_t relid, uint32_t handle, vmb_gpn first, uint32_t pages)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_msg_gpadl_header *header = &message.u.gpadl_header;
    struct vmb_msg_gpadl_body *body = &message.u.gpadl_body;
    uint32_t done, i;

    header->relid = relid;
    header->gpadl = handle;
    header->range_count = 1;
    header->range_data_bytes = (uint16_t)(8 * (pages + 1));
    header->range_words[0] = (uint64_t)pages * VMB_PAGE_BYTES;
    done = pages < VMB_GPADL_HEADER_PAGES ? pages : VMB_GPADL_HEADER_PAGES;
    for (i = 0; i < done; i++) {
        header->range_words[1 + i] = first + i;
    }
    header->range_word_count = 1 + done;
    hrig_post(rig, &message);
    while (done < pages) {
        memset(&message, 0, sizeof(message));
        message.number = VMB_MSG_GPADL_BODY;
        body->gpadl = handle;
        for (i = 0; i < VMB_GPADL_BODY_WORDS && done < pages; i++, done++) {
            body->range_words[i] = first + done;
        }
        body->range_word_count = i;
        hrig_post(rig, &message);
    }
}

void hrig_gpadl_teardown(struct hrig *rig, uint32_t relid, uint32_t handle)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_TEARDOWN};

    message.u.gpadl_teardown.relid = relid;
    message.u.gpadl_teardown.gpadl = handle;
    hrig_post(rig, &message);
}

void hrig_open(struct hrig *rig, uint32_t relid, uint32_t handle, uint32_t vp)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};
    struct vmb_msg_open_channel *open = &message.u.open_channel;

    open->relid = relid;
    open->open_id = 0x0BE7 + relid;
    open->ring_gpadl = handle;
    open->target_vp = vp;
    open->downstream_page_offset = HRIG_RING_PAGES / 2;
    open->user_defined[5] = 55;
    open->connection_id = VMB_HOST_CONNECTION_BASE + relid;
    open->event_flag = (uint16_t)relid;
    hrig_post(rig, &message);
}

void hrig_close(struct hrig *rig, uint32_t relid)
{
    struct vmb_message message = {.number = VMB_MSG_CLOSE_CHANNEL};

    message.u.close_channel.relid = relid;
    hrig_post(rig, &message);
}

void hrig_release(struct hrig *rig, uint32_t relid)
{
    struct vmb_message message = {.number = VMB_MSG_RELID_RELEASED};

    message.u.relid_released.relid = relid;
    hrig_post(rig, &message);
}

void hrig_modify(struct hrig *rig, uint32_t relid, uint32_t vp)
{
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CHANNEL};

    message.u.modify_channel.relid = relid;
    message.u.modify_channel.target_vp = vp;
    hrig_post(rig, &message);
}

struct vmb_host_channel *hrig_offer(struct hrig *rig, uint32_t index, uint8_t instance,
                                    uint16_t subchannel)
{
    struct hrig_device *device = &rig->devices[index];
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = &hrig_driver,
                                             .device = device,
                                             .hooks = &hrig_hooks,
                                             .instance_id = {{instance}},
                                             .subchannel_index = subchannel};

    assert_int_equal(vmb_host_offer(rig->host, &options, &device->channel), VMB_OK);
    hrig_poll(rig);
    return device->channel;
}

struct vmb_host_channel *hrig_with_rings(struct hrig *rig, uint32_t version, uint32_t features)
{
    struct vmb_host_channel *channel = hrig_offer(rig, 0, 1, 0);

    hrig_connect(rig, version, features);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 1);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_gpadl(rig, 1, HRIG_RING_HANDLE, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    return channel;
}

struct vmb_host_channel *hrig_with_open(struct hrig *rig, uint32_t version, uint32_t features)
{
    struct vmb_host_channel *channel = hrig_with_rings(rig, version, features);

    hrig_open(rig, 1, HRIG_RING_HANDLE, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    return channel;
}

uint8_t *hrig_page(struct hrig *rig, uint32_t page)
{
    return rig->guest_memory + (size_t)page * VMB_PAGE_BYTES;
}
