/* SPDX-License-Identifier: MIT */
/* A guest in its caller's memory: sizes, beginning, end, VPs, and what can be asked about it. */
#include <vmbus/guest.h>
#include <vmbus/hv.h>

#include "guest/vmb_guest_state.h"

/* What docs/PERFORMANCE.md promises of a channel. */
_Static_assert(sizeof(struct vmb_channel) <= 8u * VMB_CACHE_LINE_BYTES, "a channel has grown");

#define GUEST_MAX_VPS                  4096u
#define GUEST_ALIGNMENT                64u
#define GUEST_DEFAULT_TIMEOUT_NS       10000000000u
#define GUEST_DEFAULT_UNLOAD_NS        100000000000u
#define GUEST_DEFAULT_RETRY_FIRST_NS   1000u
#define GUEST_DEFAULT_RETRY_LONGEST_NS 256000000u
#define GUEST_DEFAULT_RETRY_LIMIT      100u

/* Fill in the defaults. False if something is out of its range. */
static bool guest_options(const struct vmb_guest_options *given, struct vmb_guest_options *out)
{
    vmb_memset(out, 0, sizeof(*out));
    if (given != NULL) {
        if (given->struct_bytes > sizeof(*out)) {
            return false; /* Of a newer library: it may ask for what we do not know. */
        }
        vmb_memcpy(out, given, given->struct_bytes);
    }
#define GUEST_DEFAULT(field, value) out->field = out->field != 0 ? out->field : (value)
    GUEST_DEFAULT(vp_count, 1);
    GUEST_DEFAULT(channel_limit, VMB_RELID_COUNT - 1);
    GUEST_DEFAULT(max_version, VMB_VERSION_NEWEST);
    GUEST_DEFAULT(min_version, VMB_VERSION_0_13);
    GUEST_DEFAULT(request_timeout_ns, GUEST_DEFAULT_TIMEOUT_NS);
    GUEST_DEFAULT(unload_timeout_ns, GUEST_DEFAULT_UNLOAD_NS);
    GUEST_DEFAULT(post_retry_first_ns, GUEST_DEFAULT_RETRY_FIRST_NS);
    GUEST_DEFAULT(post_retry_longest_ns, GUEST_DEFAULT_RETRY_LONGEST_NS);
    GUEST_DEFAULT(post_retry_limit, GUEST_DEFAULT_RETRY_LIMIT);
    GUEST_DEFAULT(sint, VMB_HV_SINT_VMBUS);
#undef GUEST_DEFAULT
    return out->vp_count <= GUEST_MAX_VPS && out->channel_limit < VMB_RELID_COUNT &&
           out->connect_vp < out->vp_count && out->sint < VMB_HV_SINT_COUNT &&
           vmb_version_known(out->max_version) && vmb_version_known(out->min_version) &&
           out->min_version <= out->max_version && (out->features & ~VMB_FEATURE_ALL) == 0;
}

static size_t guest_round(size_t bytes)
{
    return (bytes + GUEST_ALIGNMENT - 1) / GUEST_ALIGNMENT * GUEST_ALIGNMENT;
}

static size_t guest_bytes(const struct vmb_guest_options *options)
{
    return guest_round(sizeof(struct vmb_guest)) +
           guest_round(sizeof(struct vmb_guest_vp)) * options->vp_count +
           guest_round(sizeof(struct vmb_channel)) * options->channel_limit +
           guest_round(sizeof(uint32_t) * 2u * options->vp_count);
}

size_t vmb_guest_memory_bytes(const struct vmb_guest_options *options)
{
    struct vmb_guest_options full;

    return guest_options(options, &full) ? guest_bytes(&full) : 0;
}

static bool guest_platform_complete(const struct vmb_guest_platform *platform)
{
    return platform != NULL &&
           platform->struct_bytes >= offsetof(struct vmb_guest_platform, work_ready) &&
           platform->struct_bytes <= sizeof(*platform) && platform->post_message != NULL &&
           platform->signal_event != NULL && platform->share_pages != NULL &&
           platform->unshare_pages != NULL && platform->now_ns != NULL &&
           platform->end_of_message != NULL;
}

/* Lay the parts out behind one another; each begins on a line of its own. */
static void guest_lay_out(struct vmb_guest *guest)
{
    uint8_t *at = (uint8_t *)guest + guest_round(sizeof(*guest));
    uint32_t index;

    guest->vps = (struct vmb_guest_vp *)(void *)at;
    for (index = 0; index < guest->options.vp_count; index++) {
        guest->vps[index].guest = guest;
        guest->vps[index].index = index;
    }
    at += guest_round(sizeof(struct vmb_guest_vp)) * guest->options.vp_count;
    guest->channel_memory = (struct vmb_channel *)(void *)at;
    at += guest_round(sizeof(struct vmb_channel)) * guest->options.channel_limit;
    guest->grace.noted = (uint32_t *)(void *)at;
    guest->grace.section_count = 2 * guest->options.vp_count;
    guest->grace.first_waiting = guest->grace.section_count;
    for (index = guest->options.channel_limit; index > 0; index--) {
        struct vmb_channel *channel = &guest->channel_memory[index - 1];

        channel->relid = VMB_RELID_NONE;
        channel->post.next = guest->free_channels;
        guest->free_channels = &channel->post;
    }
}

vmb_status vmb_guest_init(void *memory, size_t memory_bytes,
                          const struct vmb_guest_options *options,
                          const struct vmb_guest_platform *platform,
                          const struct vmb_guest_events *events, struct vmb_guest **out_guest)
{
    struct vmb_guest_options full;
    struct vmb_guest *guest = memory;

    if (!guest_options(options, &full) || !guest_platform_complete(platform) || memory == NULL ||
        (uintptr_t)memory % GUEST_ALIGNMENT != 0 ||
        (events != NULL && events->struct_bytes > sizeof(*events))) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (memory_bytes < guest_bytes(&full)) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(memory, 0, guest_bytes(&full));
    guest->options = full;
    guest->vp_count = full.vp_count;
    vmb_memcpy(&guest->platform, platform, platform->struct_bytes);
    if (events != NULL) {
        vmb_memcpy(&guest->events, events, events->struct_bytes);
    }
    guest->deadline_ns = VMB_NEVER;
    guest->earliest_deadline_ns = VMB_NEVER;
    guest->next_open_id = 1;
    guest->stopping_vp = VMB_VP_NONE;
    if (guest->platform.map_host_page == NULL) {
        guest->options.features &= ~VMB_FEATURE_HOST_MONITOR_PAGES;
    }
    guest_lay_out(guest);
    vmbi_relid_scan(guest, 1); /* Flag 0 is always looked at. */
    *out_guest = guest;
    return VMB_OK;
}

vmb_status vmb_guest_deinit(struct vmb_guest *guest)
{
    return guest->state == BUS_DISCONNECTED ? VMB_OK : VMB_ERR_WRONG_STATE;
}

uint32_t vmb_guest_version(const struct vmb_guest *guest)
{
    return guest->version;
}

uint32_t vmb_guest_features(const struct vmb_guest *guest)
{
    return guest->features;
}

struct vmb_channel *vmb_guest_next_channel(struct vmb_guest *guest, uint32_t *cursor)
{
    while (*cursor <= guest->highest_relid) {
        struct vmb_channel *channel = vmb_guest_relid2channel(guest, (*cursor)++);

        if (channel != NULL) {
            return channel;
        }
    }
    return NULL;
}

/* The next slot that is not free, from the first if @channel is NULL; whether it is mapped or not.
 */
struct vmb_channel *vmbi_channel_after(const struct vmb_guest *guest, struct vmb_channel *channel)
{
    struct vmb_channel *end = guest->channel_memory + guest->options.channel_limit;

    channel = channel == NULL ? guest->channel_memory : channel + 1;
    while (channel != end && channel->phase == PHASE_FREE) {
        channel++;
    }
    return channel != end ? channel : NULL;
}

struct vmb_guest_vp *vmb_guest_vp_handle(struct vmb_guest *guest, uint32_t vp)
{
    return vp < guest->options.vp_count ? &guest->vps[vp] : NULL;
}

vmb_status vmb_guest_vp_counters(const struct vmb_guest *guest, uint32_t vp_index,
                                 struct vmb_vp_counters *out_counters)
{
    struct vmb_guest_vp *vp;

    if (vp_index >= guest->options.vp_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vp = &guest->vps[vp_index];
    out_counters->interrupts = vmb_atomic_load(&vp->interrupts, VMB_RELAXED);
    out_counters->events = vmb_atomic_load(&vp->events, VMB_RELAXED);
    out_counters->started = vmb_atomic_load(&vp->started, VMB_RELAXED);
    out_counters->coalesced = vmb_atomic_load(&vp->coalesced, VMB_RELAXED);
    out_counters->stray_unmapped = vmb_atomic_load(&vp->stray_unmapped, VMB_RELAXED);
    out_counters->stray_closed = vmb_atomic_load(&vp->stray_closed, VMB_RELAXED);
    out_counters->legacy = vmb_atomic_load(&vp->legacy, VMB_RELAXED);
    out_counters->messages = vmb_atomic_load(&vp->messages, VMB_RELAXED);
    return VMB_OK;
}

void vmb_guest_read_counters(const struct vmb_guest *guest, struct vmb_guest_counters *out_counters)
{
    *out_counters = guest->counters;
}
