/* SPDX-License-Identifier: MIT */
/* The host as a whole: its memory, its limits, and the poll that moves everything on. */
#include "host/vmb_host_internal.h"

#define HOST_ALIGNMENT           64u
#define HOST_VP_MAX              4096u
#define HOST_CHANNEL_MAX         (VMB_RELID_COUNT - 1u)
#define HOST_CHANNEL_DEFAULT     256u
#define HOST_GPADL_MAX           65535u
#define HOST_GPADLS_PER_CHANNEL  4u
#define HOST_GPADL_PAGE_MAX      0x04000000u /* 256 GiB of guest memory; 512 MiB of ours. */
#define HOST_GPADL_PAGE_DEFAULT  65536u
#define HOST_MESSAGE_MIN         8u
#define HOST_MESSAGE_MAX         65536u
#define HOST_MESSAGE_DEFAULT     256u
#define HOST_SINTS               16u
#define HOST_REDIRECT_SINT       7u /* Where openvmm's paravisor takes redirected interrupts. */
#define HOST_MONITOR_INTERVAL_NS 100000u
#define HOST_POST_RETRY_NS       1000000u
#define HOST_FEATURES_DEFAULT                                                                      \
    (VMB_FEATURE_SIGNAL_PARAMETERS | VMB_FEATURE_MODIFY_CONNECTION | VMB_FEATURE_CLIENT_ID |       \
     VMB_FEATURE_PAUSE_RESUME)

/* Where each part lies in the caller's memory. */
struct host_layout {
    size_t channels;
    size_t gpadls;
    size_t words;
    size_t in;
    size_t out;
    size_t ready;
    size_t end;
};

static uint32_t host_default32(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

/* The options with every default filled in; false if one is out of its range. */
static bool host_normalize(const struct vmb_host_options *given, struct vmb_host_options *out)
{
    uint32_t messages = HOST_MESSAGE_MIN;
    uint32_t wanted;

    if (given->struct_bytes < sizeof(*given)) {
        return false;
    }
    *out = *given;
    out->vp_count = host_default32(given->vp_count, HOST_VP_MAX);
    out->channel_limit = host_default32(given->channel_limit, HOST_CHANNEL_DEFAULT);
    out->gpadl_limit =
        host_default32(given->gpadl_limit, HOST_GPADLS_PER_CHANNEL * out->channel_limit);
    out->gpadl_page_limit = host_default32(given->gpadl_page_limit, HOST_GPADL_PAGE_DEFAULT);
    out->max_version = host_default32(given->max_version, VMB_VERSION_NEWEST);
    out->min_version = host_default32(given->min_version, VMB_VERSION_0_13);
    out->features = host_default32(given->features, HOST_FEATURES_DEFAULT);
    if (out->redirect_sint == 0) {
        out->redirect_sint = HOST_REDIRECT_SINT;
    }
    if (out->monitor_interval_ns == 0) {
        out->monitor_interval_ns = HOST_MONITOR_INTERVAL_NS;
    }
    if (out->post_retry_ns == 0) {
        out->post_retry_ns = HOST_POST_RETRY_NS;
    }
    wanted = host_default32(given->message_limit, HOST_MESSAGE_DEFAULT);
    while (messages < wanted && messages < HOST_MESSAGE_MAX) {
        messages *= 2;
    }
    out->message_limit = messages;
    return out->vp_count <= HOST_VP_MAX && out->channel_limit <= HOST_CHANNEL_MAX &&
           out->gpadl_limit <= HOST_GPADL_MAX && out->gpadl_page_limit <= HOST_GPADL_PAGE_MAX &&
           wanted >= HOST_MESSAGE_MIN && wanted <= HOST_MESSAGE_MAX &&
           out->redirect_sint < HOST_SINTS && out->min_version <= out->max_version;
}

static size_t host_place(size_t *end, size_t bytes)
{
    size_t place = *end;

    *end = (place + bytes + HOST_ALIGNMENT - 1) & ~(size_t)(HOST_ALIGNMENT - 1);
    return place;
}

static struct host_layout host_lay_out(const struct vmb_host_options *options)
{
    size_t ready_words = (options->channel_limit + VMBI_HOST_WORD_BITS - 1) / VMBI_HOST_WORD_BITS;
    struct host_layout layout = {0};

    (void)host_place(&layout.end, sizeof(struct vmb_host));
    layout.channels =
        host_place(&layout.end, options->channel_limit * sizeof(struct vmb_host_channel));
    layout.gpadls = host_place(&layout.end, options->gpadl_limit * sizeof(struct vmb_host_gpadl));
    layout.words = host_place(&layout.end, options->gpadl_page_limit * sizeof(uint64_t));
    layout.in = host_place(&layout.end, options->message_limit * sizeof(struct vmbi_host_in));
    layout.out = host_place(&layout.end, options->message_limit * sizeof(struct vmbi_host_out));
    layout.ready = host_place(&layout.end, ready_words * sizeof(vmb_atomic_word));
    return layout;
}

size_t vmb_host_memory_bytes(const struct vmb_host_options *options)
{
    struct vmb_host_options normal;

    return host_normalize(options, &normal) ? host_lay_out(&normal).end : 0;
}

static bool host_platform_good(const struct vmb_host_platform *platform)
{
    return platform->struct_bytes >= sizeof(*platform) && platform->post_message != NULL &&
           platform->raise_event != NULL && platform->map_pages != NULL &&
           platform->unmap_pages != NULL && platform->now_ns != NULL;
}

vmb_status vmb_host_init(void *memory, size_t memory_bytes, const struct vmb_host_options *options,
                         const struct vmb_host_platform *platform,
                         const struct vmb_host_events *events, struct vmb_host **out_host)
{
    struct vmb_host_options normal;
    struct host_layout layout;
    struct vmb_host *host = memory;
    uint8_t *bytes = memory;

    if (!host_normalize(options, &normal) || !host_platform_good(platform) ||
        (events != NULL && events->struct_bytes < sizeof(*events)) ||
        (uintptr_t)memory % HOST_ALIGNMENT != 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    layout = host_lay_out(&normal);
    if (memory_bytes < layout.end) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(memory, 0, layout.end);
    host->options = normal;
    host->platform = *platform;
    if (events != NULL) {
        host->events = *events;
    }
    host->channels = (struct vmb_host_channel *)(void *)(bytes + layout.channels);
    host->gpadls = (struct vmb_host_gpadl *)(void *)(bytes + layout.gpadls);
    host->words = (uint64_t *)(void *)(bytes + layout.words);
    host->in = (struct vmbi_host_in *)(void *)(bytes + layout.in);
    host->out = (struct vmbi_host_out *)(void *)(bytes + layout.out);
    host->ready = (vmb_atomic_word *)(void *)(bytes + layout.ready);
    host->relid_lowest = 1; /* 0 is no channel's. */
    host->channel_first = VMBI_HOST_NONE;
    host->channel_free = VMBI_HOST_NONE;
    host->gpadl_first = VMBI_HOST_NONE;
    host->gpadl_last = VMBI_HOST_NONE;
    host->gpadl_free = VMBI_HOST_NONE;
    vmbi_host_inbox_init(host);
    *out_host = host;
    return VMB_OK;
}

vmb_status vmb_host_deinit(struct vmb_host *host)
{
    uint32_t i;

    if (host->connection.state != VMBI_HOST_DISCONNECTED || host->counters.gpadls_in_use > 0) {
        return VMB_ERR_WRONG_STATE;
    }
    for (i = 0; i < host->channel_high; i++) {
        if (host->channels[i].in_use && host->channels[i].phase != VMBI_PHASE_IDLE) {
            return VMB_ERR_WRONG_STATE;
        }
    }
    return VMB_OK;
}

void vmbi_host_wake(struct vmb_host *host, uint32_t bits)
{
    if (bits != 0) {
        /* Pairs with the acquire in poll_take_wake(): what the bit is about was written before. */
        vmb_atomic_fetch_or(&host->wake, bits, VMB_RELEASE);
    }
    if (host->platform.work_ready != NULL) {
        host->platform.work_ready(host->platform.context);
    }
}

void vmb_host_on_slot_free(struct vmb_host *host)
{
    vmbi_host_wake(host, VMBI_HOST_WAKE_SLOT);
}

static void poll_call_control(struct vmb_host *host)
{
    uint32_t i;

    for (i = 0; i < host->channel_high; i++) {
        struct vmb_host_channel *channel = &host->channels[i];

        /*
         * Acquire pairs with the release in vmb_host_request_control(). Also for a channel that
         * has been revoked: its device may need it to bring its close about.
         */
        if (vmb_atomic_load(&channel->control_wanted, VMB_RELAXED) != 0 &&
            vmb_atomic_exchange(&channel->control_wanted, 0, VMB_ACQUIRE) != 0 && channel->in_use &&
            !(channel->withdrawn && channel->detached) && channel->hooks != NULL &&
            channel->hooks->control != NULL) {
            channel->hooks->control(channel->device, channel);
        }
    }
}

static void poll_settle(struct vmb_host *host)
{
    uint32_t i;

    host->settle_due = false;
    vmbi_host_gpadl_settle(host);
    for (i = 0; i < host->channel_high; i++) {
        if (host->channels[i].in_use) {
            vmbi_host_modify_settle(&host->channels[i]);
            vmbi_host_settle(&host->channels[i]);
        }
    }
    vmbi_host_gpadl_settle(host);
    vmbi_host_connection_settle(host);
}

/* What other threads have asked for, and what the clock has. */
static void poll_take_wake(struct vmb_host *host)
{
    /* Acquire pairs with the release in vmbi_host_wake(). */
    uint32_t wake = vmb_atomic_exchange(&host->wake, 0, VMB_ACQUIRE);

    if ((wake & VMBI_HOST_WAKE_SETTLE) != 0) {
        host->settle_due = true;
    }
    if ((wake & VMBI_HOST_WAKE_SHARED) != 0) {
        vmbi_host_scan_shared(host);
    }
    if (host->monitored_open > 0) {
        host->monitors_looked_ns = host->platform.now_ns(host->platform.context);
        vmbi_host_scan_monitors(host);
    }
    if ((wake & VMBI_HOST_WAKE_CONTROL) != 0) {
        poll_call_control(host);
    }
}

bool vmb_host_poll(struct vmb_host *host)
{
    uint32_t pass;
    bool more;

    if (host->polling) {
        return false;
    }
    host->polling = true;
    if (host->restored) {
        vmbi_host_restored_start(host);
    }
    poll_take_wake(host);
    more = vmbi_host_take_messages(host);
    /* Twice: a channel that has closed lets go of GPADLs, and a revoked one waits for these. */
    for (pass = 0; host->settle_due && pass < 2; pass++) {
        poll_settle(host);
    }
    vmbi_host_offers_pump(host);
    more = vmbi_host_outbox_post(host) || more;
    /* What stood back for want of room may have it now, and posting may have caused messages. */
    more =
        more || (host->offers_full && vmbi_host_outbox_room(host, 1)) ||
        (vmbi_host_inbox_peek(host) != NULL && vmbi_host_outbox_room(host, VMBI_HOST_MESSAGE_ROOM));
    host->polling = false;
    return more;
}

uint64_t vmb_host_next_deadline_ns(const struct vmb_host *host)
{
    uint64_t deadline = VMB_NEVER;

    if (host->slot_busy) {
        deadline = host->slot_tried_ns + host->options.post_retry_ns;
    }
    if (host->monitored_open > 0) {
        uint64_t look = host->monitors_looked_ns + vmbi_host_monitor_interval_ns(host);

        deadline = look < deadline ? look : deadline;
    }
    return deadline;
}

uint32_t vmb_host_version(const struct vmb_host *host)
{
    return host->connection.state == VMBI_HOST_CONNECTED ? host->connection.version
                                                         : VMB_VERSION_NONE;
}

uint32_t vmb_host_features(const struct vmb_host *host)
{
    return host->connection.state == VMBI_HOST_CONNECTED ? host->connection.features : 0;
}

struct vmb_host_channel *vmb_host_next_channel(struct vmb_host *host, uint32_t *cursor)
{
    /* The cursor is a slot plus one, 0 before the first and past the limit after the last. */
    uint32_t slot = *cursor == 0 ? host->channel_first : *cursor - 1;

    if (slot >= host->options.channel_limit) {
        return NULL;
    }
    *cursor =
        host->channels[slot].next == VMBI_HOST_NONE ? UINT32_MAX : host->channels[slot].next + 1;
    return &host->channels[slot];
}

void vmb_host_read_counters(const struct vmb_host *host, struct vmb_host_counters *out_counters)
{
    *out_counters = host->counters;
    out_counters->messages_received = vmb_atomic_load(&host->messages_received, VMB_RELAXED);
    out_counters->messages_refused = vmb_atomic_load(&host->messages_refused, VMB_RELAXED);
    out_counters->signals_unknown = vmb_atomic_load(&host->signals_unknown, VMB_RELAXED);
}
