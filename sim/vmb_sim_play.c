/* SPDX-License-Identifier: MIT */
/* See vmb_sim_play.h: the course of a play, from its seed to its verdict. */
#include "sim/vmb_sim_play.h"

#include <stdlib.h>
#include <string.h>

#include "sim/vmb_sim_play_state.h"

#define PLAY_STREAM         300u
#define PLAY_MEMORY_PAGES   512u
#define PLAY_OP_NS          200000u /* Between two things that the script does, on average half. */
#define PLAY_IDLE_PER_MILLE 10u
#define PLAY_IDLE_NS        10000000u
#define PLAY_OPS            120u
#define PLAY_LONGEST_NS     60000000000u /* Of virtual time, for each phase. */
#define PLAY_ACTS           400000u      /* More than any play needs: it goes round in circles. */
#define PLAY_DEVICE_PACE    10u
#define PLAY_PROGRESS       6u /* Answers that every device must still get. */
#define PLAY_TIMEOUT_NS     20000000u
#define PLAY_SCENARIO_NS    1000000u
#define PLAY_UNLOAD_NS      60000000u

static const uint32_t play_versions[] = {
    VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4, VMB_VERSION_3_0,
    VMB_VERSION_4_0,  VMB_VERSION_4_1, VMB_VERSION_5_0, VMB_VERSION_5_1,
    VMB_VERSION_5_2,  VMB_VERSION_5_3, VMB_VERSION_6_0,
};

/* ---- The script ------------------------------------------------------------------------------ */

static bool play_exists(struct play *play, const struct play_channel *channel);

/* Every channel is open. */
static bool play_scenario_ready(struct play *play)
{
    for (uint32_t i = 0; i < play->device_count * PLAY_SUBS; i++) {
        const struct play_channel *channel = &play->channels[i];

        if (play_exists(play, channel) &&
            (channel->channel == NULL || channel->opening ||
             vmb_channel_state(channel->channel) != VMB_CHANNEL_OPEN)) {
            return false;
        }
    }
    return true;
}

/* First everything is opened; then the acts of the scenario, with time for each to take effect. */
static void play_scenario_step(struct play *play)
{
    play_steps_fault(play);
    if (!play->steps_counted && play->bus == PLAY_UP && !play_scenario_ready(play)) {
        for (uint32_t i = 0; i < play->device_count * PLAY_SUBS; i++) {
            play_host_offer(&play->channels[i]);
            play_guest_open(&play->channels[i]);
        }
        return;
    }
    if (play->ops_left > 0 && (play->steps_counted || play->bus == PLAY_UP)) {
        play->ops_left--;
        play->next_op_ns += PLAY_SCENARIO_NS;
        play_steps_op(play);
    }
}

/* It acts as both control planes, so neither may act in the middle of it. */
static bool play_script_step(void *context)
{
    struct play *play = context;
    struct vmb_sim_actor *controls[] = {&play->world.guest.control, &play->world.host.control};

    if (play->runner.now_ns < play->next_op_ns) {
        return false;
    }
    play->next_op_ns = play->runner.now_ns + 1 + vmb_sim_random_below(&play->random, PLAY_OP_NS);
    for (uint32_t i = 0; i < 2; i++) {
        vmb_sim_virtual_of(&play->runner, controls[i])->acting = true;
    }
    play_break_step(play);
    play_guest_keep(play);
    if (play->calm) {
        play_host_restore(play);
    } else if (play->options.scenario != VMB_SIM_PLAY_ANYTHING) {
        play_scenario_step(play);
    } else if (play->ops_left > 0) {
        play->ops_left--;
        if (vmb_sim_random_chance(&play->random, 650)) {
            play_guest_op(play);
        } else {
            play_host_op(play);
        }
    }
    for (uint32_t i = 0; i < 2; i++) {
        vmb_sim_virtual_of(&play->runner, controls[i])->acting = false;
        vmb_sim_wake(controls[i]);
    }
    return false;
}

static uint64_t play_script_deadline(void *context)
{
    return ((struct play *)context)->next_op_ns;
}

static bool play_poller_step(void *context)
{
    struct play *play = context;
    bool more = false;

    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        struct play_channel *channel = &play->channels[i];

        if (channel->device.poll_due && vmb_sim_device_poll(&channel->device, channel->channel)) {
            more = true;
        }
    }
    return more;
}

/* ---- Making it ------------------------------------------------------------------------------- */

static void play_message(void *context, bool to_guest, const void *bytes, uint32_t byte_count)
{
    struct play *play = context;

    vmb_sim_checks_message(&play->checks, to_guest, bytes, byte_count,
                           vmb_host_version(play_host(play)), vmb_host_features(play_host(play)));
    play_break_message(play, to_guest, bytes, byte_count);
}

static void play_choose(struct play *play, struct vmb_sim_world_options *world,
                        struct vmb_sim_virtual_options *runner)
{
    struct vmb_sim_random *random = &play->random;
    uint32_t versions = sizeof(play_versions) / sizeof(play_versions[0]);
    uint32_t version = play_versions[vmb_sim_random_below(random, versions)];

    *runner = (struct vmb_sim_virtual_options){
        .seed = play->options.seed,
        .trace = play->options.trace,
    };
    *world = (struct vmb_sim_world_options){
        .machine = {.vp_count = 1 + vmb_sim_random_below(random, PLAY_VPS),
                    .memory_pages = PLAY_MEMORY_PAGES,
                    .seed = play->options.seed,
                    .explicit_eoi = vmb_sim_random_chance(random, 500),
                    .always_remap = vmb_sim_random_chance(random, 200)},
        .host_workers = 1 + vmb_sim_random_below(random, 3),
        .guest = {.channel_limit = PLAY_CHANNELS + 3,
                  .features = VMB_FEATURE_SIGNAL_PARAMETERS | VMB_FEATURE_MODIFY_CONNECTION |
                              VMB_FEATURE_PAUSE_RESUME,
                  .request_timeout_ns = PLAY_TIMEOUT_NS,
                  .unload_timeout_ns = PLAY_UNLOAD_NS},
        .host = {.channel_limit = 2 * PLAY_CHANNELS,
                 .gpadl_page_limit = 1024,
                 .message_limit = vmb_sim_random_chance(random, 300) ? 32 : 128,
                 .max_version = play->options.version != 0 ? play->options.version : version},
    };
    play->device_count = 1 + vmb_sim_random_below(random, PLAY_DEVICES);
    play->ops_left = PLAY_OPS / 2 + vmb_sim_random_below(random, PLAY_OPS);
    if (play->options.scenario == VMB_SIM_PLAY_ANYTHING) {
        play_faults_choose(play, world, runner);
    } else {
        play_steps_choose(play, world);
    }
}

static uint64_t play_now(void *context)
{
    return ((struct play *)context)->runner.now_ns;
}

static bool play_make(struct play *play)
{
    struct vmb_sim_world_options world;
    struct vmb_sim_virtual_options runner;

    vmb_sim_checks_init(&play->checks);
    play->random = vmb_sim_random_of(play->options.seed, PLAY_STREAM);
    play_choose(play, &world, &runner);
    play_guest_events(play, &world.guest_events);
    play_host_events(play, &world.host_events);
    vmb_sim_virtual_init(&play->runner, &runner, &world.machine);
    play->runner.context = play;
    if (vmb_sim_world_init(&play->world, &world) != VMB_OK) {
        return false;
    }
    vmb_sim_virtual_adopt(&play->runner, &play->world);
    for (uint32_t i = 0; i < play->world.host.worker_count; i++) {
        /* Devices take their time, so that a run is about events and not about packets. */
        vmb_sim_virtual_of(&play->runner, &play->world.host.workers[i])->pace = PLAY_DEVICE_PACE;
    }
    play->runner.before = play_faults_before;
    play->runner.message = play_message;
    play->script = (struct vmb_sim_actor){.name = "script",
                                          .context = play,
                                          .step = play_script_step,
                                          .next_deadline_ns = play_script_deadline};
    play->poller =
        (struct vmb_sim_actor){.name = "poller", .context = play, .step = play_poller_step};
    (void)vmb_sim_virtual_add(&play->runner, &play->script);
    vmb_sim_virtual_add(&play->runner, &play->poller)->nests = true;
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        struct play_channel *channel = &play->channels[i];

        channel->play = play;
        vmb_sim_device_init(&channel->device, &play->checks, i / PLAY_SUBS,
                            (uint16_t)(i % PLAY_SUBS), &play->random, play_now, play);
        channel->device.poller = &play->poller;
    }
    play_break_install(play);
    for (uint32_t i = 0; i < play->device_count; i++) {
        play_host_offer(&play->channels[i * PLAY_SUBS]);
    }
    return true;
}

/* ---- Conditions ------------------------------------------------------------------------------ */

/* Whatever is waited for, a violation ends it, and so does going round in circles. */
static bool play_over(struct play *play)
{
    return play->checks.count != 0 || play->runner.acts > PLAY_ACTS;
}

static bool play_script_done(void *context)
{
    struct play *play = context;

    return play->ops_left == 0 || play_over(play);
}

static bool play_requests_done(void *context)
{
    struct play *play = context;

    return play_guest_idle(play) || play_over(play);
}

/* Hosts below 2.4 have no sub-channels. */
static bool play_exists(struct play *play, const struct play_channel *channel)
{
    return channel->device.sub == 0 || vmb_guest_version(play_guest(play)) >= VMB_VERSION_2_4;
}

static bool play_all_open(void *context)
{
    struct play *play = context;

    for (uint32_t i = 0; play->bus == PLAY_UP && i < play->device_count * PLAY_SUBS; i++) {
        const struct play_channel *channel = &play->channels[i];

        if (!play_exists(play, channel)) {
            continue;
        }
        if (channel->channel == NULL || channel->opening ||
            vmb_channel_state(channel->channel) != VMB_CHANNEL_OPEN) {
            return play_over(play);
        }
    }
    return play->bus == PLAY_UP || play_over(play);
}

static bool play_all_got_on(void *context)
{
    struct play *play = context;

    for (uint32_t i = 0; i < play->device_count * PLAY_SUBS; i++) {
        const struct play_channel *channel = &play->channels[i];

        if (play_exists(play, channel) &&
            vmb_sim_device_answered(&channel->device) < channel->mark + PLAY_PROGRESS) {
            return play_over(play);
        }
    }
    return true;
}

static bool play_all_answered(void *context)
{
    struct play *play = context;

    for (uint32_t i = 0; i < play->device_count * PLAY_SUBS; i++) {
        if (vmb_traffic_guest_expected(&play->channels[i].device.guest) != 0) {
            return play_over(play);
        }
    }
    return true;
}

static bool play_down(void *context)
{
    struct play *play = context;

    return play->bus == PLAY_DOWN || play_over(play);
}

static bool play_host_quiet(void *context)
{
    struct play *play = context;
    struct vmb_host_counters counters;

    vmb_host_read_counters(play_host(play), &counters);
    return (counters.gpadls_in_use == 0 && play->host_connected == 0) || play_over(play);
}

/* Wait for something that must come about. */
static bool play_must(struct play *play, bool (*condition)(void *context), const char *what)
{
    uint64_t until_ns = play->runner.now_ns + PLAY_LONGEST_NS;

    if (play->checks.count == 0 && !vmb_sim_virtual_run(&play->runner, condition, play, until_ns)) {
        vmb_sim_violation(&play->checks, "no progress: %s", what);
    }
    if (play->runner.acts > PLAY_ACTS) {
        vmb_sim_violation(&play->checks, "round in circles: %s", what);
    }
    if (play->checks.count != 0 && play->options.trace != NULL) {
        vmb_sim_world_dump(&play->world, play->options.trace);
    }
    return play->checks.count == 0;
}

/* ---- The course ------------------------------------------------------------------------------ */

/* Guests below 1.1 get no confirmation of an unload: who wants the rings back closes them. */
static bool play_close_all(struct play *play)
{
    if (vmb_guest_version(play_guest(play)) >= VMB_VERSION_1_1) {
        return true;
    }
    play->calm = false; /* Nothing is opened again. */
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        play_guest_close(&play->channels[i]);
        play_gpadl_revoke(&play->channels[i]);
    }
    vmb_sim_wake(&play->world.guest.control);
    return play_must(play, play_requests_done, "closing every channel");
}

static bool play_leave(struct play *play)
{
    if (play->bus == PLAY_UP && !play_close_all(play)) {
        return false;
    }
    play->calm = false;
    play->not_before_ns = VMB_NEVER;
    play_guest_unload(play);
    vmb_sim_wake(&play->world.guest.control);
    return play_must(play, play_down, "leaving the bus");
}

/* Faults are over: everything that was begun ends, and then everything is as it should be. */
static bool play_settle(struct play *play)
{
    vmb_sim_virtual_set_faults(&play->runner, false);
    play->next_op_ns = VMB_NEVER;
    play->settling = true;
    play_guest_continue(play);
    vmb_sim_wake(&play->world.guest.control);
    if (!play_must(play, play_requests_done, "the end of every request")) {
        return false;
    }
    if (play->doubtful) {
        /* What failed for good may have left the two of different minds: start over. */
        if (!play_leave(play)) {
            return false;
        }
        vmb_host_reset(play_host(play));
        vmb_sim_wake(&play->world.host.control);
        if (!play_must(play, play_host_quiet, "the host's reset")) {
            return false;
        }
    }
    play->not_before_ns = 0;
    play->calm = true;
    play->next_op_ns = play->runner.now_ns;
    vmb_sim_wake(&play->script);
    if (!play_must(play, play_all_open, "opening every channel")) {
        return false;
    }
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        play->channels[i].mark = vmb_sim_device_answered(&play->channels[i].device);
    }
    return play_must(play, play_all_got_on, "answers on every channel");
}

static void play_stuck(void *context, const struct vmb_stuck_report *report)
{
    struct play *play = context;

    vmb_sim_violation(&play->checks, "relid %u is stuck: %u bytes to read, flag %s", report->relid,
                      report->inbound.used_bytes, report->flag_set ? "set" : "clear");
}

static bool play_drain(struct play *play)
{
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        vmb_traffic_guest_stop(&play->channels[i].device.guest);
    }
    if (!play_must(play, play_all_answered, "the answer to every request")) {
        return false;
    }
    for (uint32_t i = 0; i < 2; i++) {
        (void)vmb_guest_check_stuck(play_guest(play), false, play_stuck, play);
        (void)vmb_sim_virtual_run(&play->runner, NULL, NULL, play->runner.now_ns + 1000000);
    }
    return play->checks.count == 0;
}

static void play_course(struct play *play)
{
    vmb_sim_virtual_set_faults(&play->runner, true);
    play->next_op_ns = play->runner.now_ns;
    vmb_sim_wake(&play->script);
    if (!play_must(play, play_script_done, "the script") || !play_settle(play)) {
        return;
    }
    play->result->version = vmb_guest_version(play_guest(play));
    if (!play_drain(play) || !play_leave(play)) {
        return;
    }
    vmb_host_reset(play_host(play));
    vmb_sim_wake(&play->world.host.control);
    (void)play_must(play, play_host_quiet, "the host's reset");
}

/* ---- The verdict ----------------------------------------------------------------------------- */

static void play_count_vps(struct play *play)
{
    struct vmb_sim_play_counts *counts = &play->result->counts;
    uint64_t newly_set = 0, taken = 0;
    struct vmb_guest_counters bus;

    vmb_guest_read_counters(play_guest(play), &bus);
    for (uint32_t vp = 0; vp < play->world.machine.options.vp_count; vp++) {
        struct vmb_vp_counters vp_counters;
        struct vmb_hv_synic_counters synic;

        if (vmb_guest_vp_counters(play_guest(play), vp, &vp_counters) != VMB_OK ||
            vmb_hv_synic_read_counters(play->world.machine.synic, vp, &synic) != VMB_OK) {
            continue;
        }
        counts->interrupts += vp_counters.interrupts;
        counts->events += vp_counters.events;
        counts->strays += vp_counters.stray_closed + vp_counters.stray_unmapped;
        newly_set += synic.signals - synic.signals_merged;
        taken += vp_counters.events;
        if (vp_counters.events != vp_counters.started + vp_counters.coalesced +
                                      vp_counters.stray_unmapped + vp_counters.stray_closed +
                                      vp_counters.legacy) {
            vmb_sim_violation(&play->checks, "the events of VP %u do not add up", vp);
        }
    }
    /* Every flag that was set was taken, or cleared before its relid's next life. */
    if (play->options.broken == VMB_SIM_PLAY_BREAK_NOTHING &&
        play->result->version >= VMB_VERSION_2_4 && newly_set < taken) {
        vmb_sim_violation(&play->checks, "%u flags were set and %u taken", (unsigned)newly_set,
                          (unsigned)taken);
    }
    counts->timeouts += bus.requests_timed_out;
    counts->post_retries += bus.post_retries;
    counts->leaked_pages += bus.pages_leaked + play->leaked_pages;
}

static void play_count(struct play *play)
{
    struct vmb_sim_play_counts *counts = &play->result->counts;

    play_count_vps(play);
    counts->acts = play->runner.acts;
    counts->preemptions = play->runner.preemptions;
    counts->virtual_us = play->runner.now_ns / 1000;
    counts->messages = play->checks.messages;
    counts->releases = play->checks.releases;
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        struct vmb_traffic_counters guest;

        vmb_traffic_guest_read_counters(&play->channels[i].device.guest, &guest);
        counts->packets += guest.packets_received;
        vmb_sim_device_check(&play->channels[i].device);
    }
}

static void play_judge(struct play *play)
{
    struct vmb_sim_report report;
    uint64_t leaked;

    play_count(play);
    leaked = play->result->counts.leaked_pages;
    vmb_sim_world_deinit(&play->world, &report);
    /* What is in use is not freed: that is a violation, told below, and no reason to leak. */
    if (report.guest != VMB_OK) {
        free(play->world.guest.memory);
    }
    if (report.host != VMB_OK) {
        free(play->world.host.memory);
    }
    if (report.guest != VMB_OK || report.host != VMB_OK) {
        vmb_sim_violation(&play->checks, "the end: guest %s, host %s",
                          vmb_status_name(report.guest), vmb_status_name(report.host));
    }
    if (report.memory.late_writes != 0) {
        vmb_sim_violation(&play->checks, "%u pages were written after they were given back",
                          (unsigned)report.memory.late_writes);
    }
    if (report.guest == VMB_OK && report.memory.pages_now != leaked) {
        vmb_sim_violation(&play->checks, "%u pages are out and %u are said to be lost",
                          report.memory.pages_now, (unsigned)leaked);
    }
    if (report.host == VMB_OK && report.memory.mappings_now != 0) {
        vmb_sim_violation(&play->checks, "%u mappings are left", report.memory.mappings_now);
    }
}

bool vmb_sim_play_run(const struct vmb_sim_play_options *options,
                      struct vmb_sim_play_result *out_result)
{
    struct play *play = aligned_alloc(64, (sizeof(*play) + 63) & ~(size_t)63);

    memset(out_result, 0, sizeof(*out_result));
    if (play == NULL) {
        return false;
    }
    memset(play, 0, sizeof(*play));
    play->options = *options;
    play->result = out_result;
    if (!play_make(play)) {
        free(play);
        return false;
    }
    out_result->faults = play->faults;
    play_course(play);
    play_judge(play);
    out_result->digest = play->runner.digest;
    out_result->good = play->checks.count == 0;
    memcpy(out_result->violation, play->checks.text, sizeof(out_result->violation));
    free(play);
    return true;
}
