/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/demo_world.h"

#include <stdlib.h>
#include <string.h>

#include <vmbus/proto/guid.h>

#include "tools/vmbus/demo/demo_life.h"
#include "tools/vmbus/tool.h"

#define WORLD_PAGES_A_CHANNEL 24u /* Two rings of five, and room not to reuse them at once. */
#define WORLD_PAGES_BESIDES   2048u
#define WORLD_DIRECT_EVERY    5u  /* One channel in so many is run in the interrupt. */
#define WORLD_SUB_EVERY       16u /* The last of so many channels is a sub-channel. */
#define WORLD_STREAM_GUEST    100u
#define WORLD_STREAM_HOST     101u

uint64_t demo_now_ns(void)
{
    return vmb_sim_threads_now_ns(NULL);
}

static uint64_t world_clock(void *context)
{
    (void)context;
    return demo_now_ns();
}

/* ---- Devices --------------------------------------------------------------------------------- */

/* Which device an offer is of: the index travels in its instance id. */
static struct vmb_guid world_instance(uint32_t index)
{
    struct vmb_guid guid = VMB_GUID_TRAFFIC;

    guid.bytes[0] = (uint8_t)index;
    guid.bytes[1] = (uint8_t)(index >> 8);
    return guid;
}

static bool world_is_sub(const struct demo_world *world, uint32_t index)
{
    return world->options.max_version >= VMB_VERSION_2_4 && world->lists == NULL &&
           world->options.design == DEMO_DESIGN_RELID_ARRAY &&
           index % WORLD_SUB_EVERY == WORLD_SUB_EVERY - 1u;
}

struct demo_channel *demo_channel_sub(struct demo_channel *channel)
{
    uint32_t next = channel->index + 1u;

    return next < channel->world->options.channel_count && world_is_sub(channel->world, next)
               ? channel + 1
               : NULL;
}

struct demo_channel *demo_channel_primary(struct demo_channel *channel)
{
    return world_is_sub(channel->world, channel->index) ? channel - 1 : NULL;
}

static struct demo_channel *world_channel_of(struct demo_world *world,
                                             const struct vmb_msg_offer *offer)
{
    uint32_t index =
        (offer->instance_guid.bytes[0] | (uint32_t)offer->instance_guid.bytes[1] << 8) +
        offer->subchannel_index;

    return index < world->options.channel_count ? &world->channels[index] : NULL;
}

static void world_answered(void *context, uint64_t round_trip_ns, uint32_t pattern_bytes)
{
    struct demo_channel *channel = context;

    (void)pattern_bytes;
    histogram_add(&channel->latency, round_trip_ns);
}

/* Channels differ: ping-pong and wide windows, short and long packets, streams or none. */
static bool world_init_channel(struct demo_world *world, uint32_t index)
{
    static const uint32_t windows[] = {1, 2, 4, 16};
    static const uint32_t patterns[] = {64, 256, 1024, 3000};
    struct demo_channel *channel = &world->channels[index];
    struct vmb_traffic_guest_options options = {
        .struct_bytes = sizeof(options),
        .buffer = channel->guest_buffer,
        .buffer_bytes = DEMO_BUFFER_BYTES,
        .pattern_limit = patterns[index / 4u % 4u],
        .window = windows[index % 4u],
        .streams = index / 16u % 3u,
        .answer = (enum vmb_traffic_answer)(index / 48u % 3u),
        .seed = world->options.seed + index,
        .context = channel,
        .now_ns = world_clock,
        .answered = world_answered,
    };

    channel->world = world;
    channel->index = index;
    return vmb_traffic_guest_init(&channel->guest, &options) == VMB_OK &&
           vmb_traffic_host_init(&channel->host, channel->host_buffer, DEMO_BUFFER_BYTES, NULL,
                                 NULL) == VMB_OK;
}

/* ---- Guest ----------------------------------------------------------------------------------- */

static void world_list(const struct demo_channel *channel, uint32_t vp)
{
    if (channel->world->lists != NULL && channel->channel != NULL) {
        percpu_lists_move(channel->world->lists, vmb_channel_relid(channel->channel), vp);
    }
}

static void world_opened(void *context, struct vmb_channel *vmb_channel, vmb_status status)
{
    struct demo_channel *channel = context;

    (void)vmb_channel;
    if (status == VMB_OK) {
        channel->state = DEMO_OPEN;
        channel->progress_ns = demo_now_ns();
        channel->world->reopens += channel->reopening ? 1 : 0;
        channel->world->subchannels += demo_channel_primary(channel) != NULL ? 1 : 0;
        channel->reopening = false;
    } else if (status != VMB_ERR_GONE) { /* Revoked while it opened: nobody's fault. */
        channel->world->guest_failures++;
    }
}

void demo_channel_open(struct demo_channel *channel)
{
    struct demo_world *world = channel->world;
    struct vmb_channel_open_options options = {
        .struct_bytes = sizeof(options),
        .driver = vmb_traffic_guest_driver(),
        .device = &channel->guest,
        .done = world_opened,
        .done_context = channel,
    };

    if (vmb_channel_state(channel->channel) != VMB_CHANNEL_OFFERED) {
        return; /* Revoked, of which we are about to be told. */
    }
    channel->vp = demo_life_pick_vp(world);
    options.target_vp = channel->vp;
    if (channel->index % WORLD_DIRECT_EVERY == 0) {
        options.driver = &world->direct_driver;
    }
    world_list(channel, channel->vp);
    channel->state = DEMO_OPENING;
    if (vmb_channel_open(channel->channel, &options) != VMB_OK) {
        world->guest_failures++;
    }
}

static void world_offered(void *context, struct vmb_channel *vmb_channel)
{
    struct demo_world *world = context;
    struct demo_channel *channel;

    if (world->lists != NULL) {
        percpu_lists_move(world->lists, vmb_channel_relid(vmb_channel), 0);
    }
    if (demo_services_open(&world->services, vmb_channel)) {
        return; /* It stays on VP 0. */
    }
    channel = world_channel_of(world, vmb_channel_offer(vmb_channel));
    if (channel != NULL) {
        channel->channel = vmb_channel;
        channel->moving = false;
        vmb_channel_set_context(vmb_channel, channel);
        demo_channel_open(channel);
    }
}

static void world_rescinded(void *context, struct vmb_channel *vmb_channel)
{
    struct demo_world *world = context;
    struct demo_channel *channel = vmb_channel_context(vmb_channel);

    if (channel != NULL) {
        world->rescinds += world->asleep ? 0 : 1; /* Sub-channels do not survive a sleep. */
        world_list(channel, VMB_VP_NONE);
        channel->channel = NULL;
        channel->state = DEMO_ABSENT;
        channel->moving = false;
        channel->reopening = false;
    }
    if (vmb_channel_let_go(vmb_channel) != VMB_OK) {
        world->guest_failures++;
    }
}

/* ---- Host ------------------------------------------------------------------------------------ */

void demo_channel_offer(struct demo_channel *channel)
{
    const struct demo_channel *primary = demo_channel_primary(channel);
    struct vmb_host_offer_options options = {
        .struct_bytes = sizeof(options),
        .driver = vmb_traffic_host_driver(),
        .device = &channel->host,
        .hooks = vmb_traffic_host_hooks(),
        .instance_id = world_instance(primary != NULL ? primary->index : channel->index),
        .subchannel_index = primary != NULL ? 1 : 0,
    };
    vmb_status status;

    if (primary != NULL && primary->host_channel == NULL) {
        return;
    }
    status =
        vmb_host_offer(channel->world->live->world.host.host, &options, &channel->host_channel);
    if (status != VMB_OK) {
        channel->host_channel = NULL;
        /* Busy: the guest has not let go of it, so it is tried again. */
        channel->world->host_failures += status == VMB_ERR_BUSY ? 0 : 1;
    }
}

static void world_offer_all(void *context)
{
    struct demo_world *world = context;
    uint32_t index;

    if (world->has_services &&
        !demo_services_offer(&world->services, world->live->world.host.host)) {
        world->host_failures++;
    }
    for (index = 0; index < world->options.channel_count; index++) {
        demo_channel_offer(&world->channels[index]);
    }
}

/* ---- The world ------------------------------------------------------------------------------- */

/* As vmb_sim_live_start(), with the lists put in front of the guest before anything moves. */
static bool world_start_with_lists(struct demo_world *world,
                                   const struct vmb_sim_world_options *options)
{
    struct vmb_sim_actor **actors =
        calloc(VMB_SIM_WORLD_ACTORS(options->machine.vp_count), sizeof(struct vmb_sim_actor *));
    struct vmb_sim_live *live = calloc(1, sizeof(*live));

    if (actors == NULL || live == NULL || vmb_sim_world_init(&live->world, options) != VMB_OK) {
        free(actors);
        free(live);
        return false;
    }
    world->lists = percpu_lists_new(&live->world);
    if (world->lists != NULL) {
        live->threads = vmb_sim_threads_start(actors, vmb_sim_world_actors(&live->world, actors),
                                              options->spin_ns);
    }
    free(actors);
    if (live->threads == NULL) {
        struct vmb_sim_report report;

        vmb_sim_world_deinit(&live->world, &report);
        free(live);
        return false;
    }
    world->live = live;
    return true;
}

static bool world_make(struct demo_world *world)
{
    const struct demo_options *options = &world->options;
    const struct vmb_sim_world_options live = {
        .machine = {.vp_count = options->vp_count,
                    .memory_pages =
                        options->channel_count * WORLD_PAGES_A_CHANNEL + WORLD_PAGES_BESIDES,
                    .seed = options->seed},
        .host_workers = options->vp_count < 8 ? (options->vp_count + 1u) / 2u : 4u,
        .host = {.channel_limit = VMB_RELID_COUNT - 1u, .max_version = options->max_version},
        .guest_events = {.struct_bytes = sizeof(live.guest_events),
                         .context = world,
                         .offered = world_offered,
                         .rescinded = world_rescinded,
                         .suspended = demo_life_suspended,
                         .resumed = demo_life_resumed},
    };
    uint32_t index;

    world->direct_driver = *vmb_traffic_guest_driver();
    world->direct_driver.notify = VMB_NOTIFY_DIRECT;
    world->has_services = options->channel_count + DEMO_SERVICES < VMB_RELID_COUNT;
    world->channels = calloc(options->channel_count, sizeof(*world->channels));
    if (world->channels == NULL || !demo_services_init(&world->services)) {
        return false;
    }
    for (index = 0; index < options->channel_count; index++) {
        if (!world_init_channel(world, index)) {
            return false;
        }
    }
    if (options->design == DEMO_DESIGN_RELID_ARRAY) {
        return vmb_sim_live_start(&live, &world->live) == VMB_OK;
    }
    return world_start_with_lists(world, &live);
}

struct demo_world *demo_world_start(const struct demo_options *options)
{
    struct demo_world *world = calloc(1, sizeof(*world));
    vmb_status status;

    if (world == NULL) {
        (void)tool_broken("demo", "there is not enough memory.");
        return NULL;
    }
    world->options = *options;
    world->guest_random = vmb_sim_random_of(options->seed, WORLD_STREAM_GUEST);
    world->host_random = vmb_sim_random_of(options->seed, WORLD_STREAM_HOST);
    if (!world_make(world)) {
        (void)tool_broken("demo",
                          "not enough memory or threads for %u channels on %u VPs; try "
                          "fewer with --channels or --vps.",
                          options->channel_count, options->vp_count);
        (void)demo_world_stop(world);
        return NULL;
    }
    vmb_sim_live_on_host(world->live, world_offer_all, world);
    status = vmb_sim_live_connect(world->live);
    if (status != VMB_OK) {
        (void)tool_broken("demo", "the guest could not connect: %s.", vmb_status_text(status));
        (void)demo_world_stop(world);
        return NULL;
    }
    return world;
}

bool demo_world_stop(struct demo_world *world)
{
    struct vmb_sim_report report = {.clean = true};

    if (world->live != NULL) {
        vmb_sim_live_stop(world->live, &report);
    }
    percpu_lists_free(world->lists);
    free(world->channels);
    free(world);
    return report.clean;
}
