/* SPDX-License-Identifier: MIT */
/* Ten million interrupts over real threads, none lost. See rules.h for what is checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/hv.h>

#include "rules.h"

#if defined(__SANITIZE_THREAD__)
#define RULES_SLOWDOWN 8u
#elif defined(__SANITIZE_ADDRESS__)
#define RULES_SLOWDOWN 4u
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RULES_SLOWDOWN 8u
#elif __has_feature(address_sanitizer)
#define RULES_SLOWDOWN 4u
#endif
#endif
#ifndef RULES_SLOWDOWN
#define RULES_SLOWDOWN 1u
#endif

#define RULES_STALL_NS   20000000000u
#define RULES_TIMEOUT_NS 200000000000u
#define RULES_EVENT_NS   10000u /* Each one, on a machine that others use as well. */

static bool rules_is_set(void *context)
{
    return vmb_atomic_load((vmb_atomic_u32 *)context, VMB_ACQUIRE) != 0;
}

static bool rules_enough(void *context)
{
    struct rules *rules = context;

    /* A lost event ends the test at once: what comes after it says nothing more. */
    return vmb_atomic_load(&rules->edges, VMB_RELAXED) >= rules->edge_target ||
           vmb_atomic_load(&rules->faults[RULES_LOST], VMB_RELAXED) != 0;
}

static bool rules_signallers_done(void *context)
{
    struct rules *rules = context;

    return vmb_atomic_load(&rules->signallers_running, VMB_ACQUIRE) == 0;
}

struct rules_question {
    struct rules *rules;
    bool settled;
    vmb_status status;
};

static void rules_ask_settled(void *context)
{
    struct rules_question *question = context;

    question->settled = rules_settled(question->rules);
}

static void rules_connect(void *context)
{
    struct rules_question *question = context;

    question->status = vmb_guest_connect(question->rules->guest.guest);
}

static void rules_unload(void *context)
{
    struct rules_question *question = context;

    question->status = vmb_guest_unload(question->rules->guest.guest);
}

static bool rules_is_settled(void *context)
{
    struct rules *rules = context;
    struct rules_question question = {.rules = rules};

    vmb_sim_threads_call(rules->threads, &rules->guest.control, rules_ask_settled, &question);
    return question.settled;
}

static void rules_wait(struct rules *rules, bool (*condition)(void *context), void *context,
                       const char *what)
{
    if (!vmb_sim_threads_wait(rules->threads, condition, context, RULES_STALL_NS,
                              RULES_TIMEOUT_NS + rules->edge_target * RULES_EVENT_NS)) {
        for (uint32_t i = 0; i < RULES_DEVICES; i++) {
            const struct rules_device *device = &rules->devices[i];

            print_error("relid %u epoch %u posted %u seen %u inside %u busy %d\n", device->relid,
                        device->epoch.value, device->posted.value, device->seen.value,
                        device->inside.value, device->busy);
        }
        fail_msg("nothing moves while waiting: %s", what);
    }
}

static void rules_setup(struct rules *rules, const struct vmb_sim_faults *faults, uint32_t version,
                        uint64_t seed)
{
    const struct vmb_sim_machine_options options = {
        .vp_count = RULES_VPS,
        .memory_pages = 1024,
        .seed = seed,
        .faults = *faults,
    };
    const struct vmb_sim_machine_hooks hooks = {
        .guest = &rules->guest,
        .on_interrupt = vmb_sim_guest_on_interrupt,
        .run = vmb_sim_guest_run,
        .host = &rules->host,
        .on_slot_free = small_host_on_slot_free,
    };
    const struct vmb_guest_options guest_options = {
        .connect_vp = 1,
        .max_version = version,
        .channel_limit = RULES_DEVICES + 4,
    };
    const struct small_host_hooks host_hooks = rules_host_hooks(rules);
    struct vmb_guest_events events;

    rules_devices_init(rules);
    rules->random = vmb_sim_random_of(seed, 3);
    assert_int_equal(vmb_sim_machine_init(&rules->machine, &options, &hooks), VMB_OK);
    small_host_init(&rules->host, &rules->machine, VMB_VERSION_NEWEST, &host_hooks);
    assert_int_equal(vmb_sim_guest_init(&rules->guest, &rules->machine, &guest_options,
                                        rules_guest_events(rules, &events), NULL, NULL),
                     VMB_OK);
    rules->guest.control.step = rules_control_step;
    rules->guest.control.next_deadline_ns = rules_control_deadline;
    for (uint32_t i = 0; i < RULES_DEVICES; i++) {
        small_host_offer(&rules->host, rules->devices[i].relid);
    }
    rules->host.evil_offers = true; /* R1: what comes besides must be refused. */
}

static void rules_start(struct rules *rules, uint64_t seed)
{
    struct rules_question question = {.rules = rules};
    struct vmb_sim_actor *actors[2 * RULES_VPS + 2];
    uint32_t count = 0;

    for (uint32_t i = 0; i < RULES_VPS; i++) {
        actors[count++] = &rules->machine.vps[i].interrupts;
        actors[count++] = &rules->machine.vps[i].runner;
    }
    actors[count++] = &rules->guest.control;
    actors[count++] = &rules->host.actor;
    rules->threads = vmb_sim_threads_start(actors, count, 20000);
    assert_non_null(rules->threads);
    assert_int_equal(pthread_create(&rules->poller, NULL, rules_poller_main, rules), 0);
    vmb_sim_threads_call(rules->threads, &rules->guest.control, rules_connect, &question);
    assert_int_equal(question.status, VMB_OK);
    rules_wait(rules, rules_is_set, &rules->delivered, "offers");
    rules_wait(rules, rules_is_settled, rules, "all channels open");
    vmb_atomic_store(&rules->churning, 1u, VMB_RELEASE);
    vmb_atomic_store(&rules->signallers_running, RULES_SIGNALLERS, VMB_RELEASE);
    for (uint32_t i = 0; i < RULES_SIGNALLERS; i++) {
        rules->signallers[i].rules = rules;
        rules->signallers[i].index = i;
        rules->signallers[i].random = vmb_sim_random_of(seed, 100 + i);
        assert_int_equal(pthread_create(&rules->signallers[i].thread, NULL, rules_signaller_main,
                                        &rules->signallers[i]),
                         0);
    }
}

/* Flags that are still set: only of relids that nothing is mapped to, above the scan (R9). */
static uint64_t rules_leftover(struct rules *rules)
{
    uint64_t leftover = rules->flags_lost;

    for (uint32_t vp = 0; vp < RULES_VPS; vp++) {
        leftover += rules_flags_left(rules, vp);
    }
    return leftover;
}

static void rules_account(struct rules *rules)
{
    struct vmb_vp_counters sum = {0};
    uint64_t edges = 0, doubtful = 0, unmapped = 0, verified = 0, taken = 0;
    uint64_t refused = 0;
    uint64_t leftover = rules_leftover(rules);

    for (uint32_t i = 0; i < RULES_SIGNALLERS; i++) {
        edges += rules->signallers[i].edges;
        doubtful += rules->signallers[i].doubtful;
        unmapped += rules->signallers[i].unmapped;
        verified += rules->signallers[i].verified;
        refused += rules->signallers[i].refused;
    }
    for (uint32_t vp = 0; vp < RULES_VPS; vp++) {
        struct vmb_vp_counters one;

        assert_int_equal(vmb_guest_vp_counters(rules->guest.guest, vp, &one), VMB_OK);
        assert_true(one.events == one.started + one.coalesced + one.stray_unmapped +
                                      one.stray_closed + one.legacy);
        sum.interrupts += one.interrupts;
        sum.events += one.events;
        sum.started += one.started;
        sum.coalesced += one.coalesced;
        sum.stray_unmapped += one.stray_unmapped;
        sum.stray_closed += one.stray_closed;
        taken += vmb_sim_machine_vp_counters(&rules->machine, vp).taken;
    }
    printf("# %llu flags set, %llu of them waited for; %llu interrupts taken\n"
           "# %llu events: %llu started, %llu coalesced, %llu closed, %llu unmapped; "
           "%llu left, %llu forgotten\n"
           "# %llu closes, %llu moves, %llu rescinds, %llu VP stops, %llu flags refused there\n",
           (unsigned long long)edges, (unsigned long long)verified, (unsigned long long)taken,
           (unsigned long long)sum.events, (unsigned long long)sum.started,
           (unsigned long long)sum.coalesced, (unsigned long long)sum.stray_closed,
           (unsigned long long)sum.stray_unmapped, (unsigned long long)leftover,
           (unsigned long long)(edges - sum.events - leftover), (unsigned long long)rules->closes,
           (unsigned long long)rules->moves, (unsigned long long)rules->rescinds,
           (unsigned long long)rules->vp_stops, (unsigned long long)refused);
    /* Every flag was taken and told, or lies where nobody is, or was swept away by an open. */
    assert_true(edges >= sum.events + leftover);
    assert_true(edges - sum.events - leftover <= doubtful);
    assert_true(sum.stray_unmapped + leftover >= unmapped);
    assert_true(edges >= rules->edge_target);
    assert_true(sum.stray_closed > 0);
    assert_true(rules->closes > 0 && rules->moves > 0 && rules->rescinds > 0);
    assert_true(rules->vp_stops > 0);
}

static void rules_finish(struct rules *rules)
{
    struct rules_question question = {.rules = rules};
    struct vmb_sim_memory_counters memory;
    struct vmb_guest_counters counters;

    vmb_sim_machine_set_faults(&rules->machine, false);
    vmb_atomic_store(&rules->churning, 0u, VMB_RELEASE);
    rules_wait(rules, rules_is_settled, rules, "all channels open again");
    vmb_atomic_store(&rules->stop_signals, 1u, VMB_RELEASE);
    rules_wait(rules, rules_signallers_done, rules, "the last events");
    for (uint32_t i = 0; i < RULES_SIGNALLERS; i++) {
        (void)pthread_join(rules->signallers[i].thread, NULL);
    }
    /* Every channel is open and idle: what was posted last has been seen. */
    for (uint32_t i = 0; i < RULES_DEVICES; i++) {
        assert_int_equal(vmb_atomic_load(&rules->devices[i].seen, VMB_ACQUIRE),
                         vmb_atomic_load(&rules->devices[i].posted, VMB_ACQUIRE));
    }
    vmb_sim_threads_call(rules->threads, &rules->guest.control, rules_unload, &question);
    assert_int_equal(question.status, VMB_OK);
    rules_wait(rules, rules_is_set, &rules->unloaded, "unload");
    assert_int_equal(rules->unloaded.value, 1);
    vmb_atomic_store(&rules->stop_poller, 1u, VMB_RELEASE);
    (void)pthread_join(rules->poller, NULL);
    vmb_sim_threads_stop(rules->threads);
    vmb_guest_read_counters(rules->guest.guest, &counters);
    assert_int_equal(counters.offers_refused, SMALL_HOST_EVIL_OFFERS);
    for (uint32_t i = 0; i < RULES_VPS; i++) {
        while (rules->machine.vps[i].interrupts.step(rules->machine.vps[i].interrupts.context)) {
        }
    }
    rules_account(rules);
    assert_int_equal(vmb_sim_guest_deinit(&rules->guest), VMB_OK);
    memory = vmb_sim_memory_audit(&rules->machine.memory);
    assert_int_equal(memory.pages_now, 0);
    assert_int_equal(memory.late_writes, 0);
    vmb_sim_machine_deinit(&rules->machine);
}

static void rules_check(uint32_t version, const struct vmb_sim_faults *faults, uint64_t edge_target,
                        uint64_t seed)
{
    struct rules *rules = aligned_alloc(64, (sizeof(*rules) + 63) / 64 * 64);

    assert_non_null(rules);
    memset(rules, 0, sizeof(*rules));
    rules->edge_target = edge_target / RULES_SLOWDOWN;
    rules_setup(rules, faults, version, seed);
    rules_start(rules, seed);
    rules_wait(rules, rules_enough, rules, "enough events");
    assert_int_equal(rules->faults[RULES_LOST].value, 0);
    rules_finish(rules);
    assert_int_equal(rules->faults[RULES_LOST].value, 0);
    assert_int_equal(rules->faults[RULES_TWICE].value, 0);
    assert_int_equal(rules->faults[RULES_NOT_OPEN].value, 0);
    assert_int_equal(rules->faults[RULES_CLOSED_INSIDE].value, 0);
    assert_int_equal(rules->faults[RULES_REFUSED].value, 0);
    assert_int_equal(rules->faults[RULES_CALL_FAILED].value, 0);
    assert_int_equal(rules->host.mistakes, 0);
    assert_int_equal(rules->host.dropped.value, 0);
    free(rules);
}

/* VMB_STRESS_EVENTS says how many, for those who have the time. */
static void test_ten_million_interrupts(void **state)
{
    const struct vmb_sim_faults none = {0};
    const char *wanted = getenv("VMB_STRESS_EVENTS");

    (void)state;
    rules_check(VMB_VERSION_5_3, &none, wanted != NULL ? strtoull(wanted, NULL, 10) : 10000000, 1);
}

static void test_moves_without_an_answer(void **state)
{
    const struct vmb_sim_faults none = {0};

    (void)state;
    rules_check(VMB_VERSION_4_1, &none, 1000000, 2);
}

static void test_with_faults(void **state)
{
    const struct vmb_sim_faults faults = {
        .interrupt_late_per_mille = 50,
        .interrupt_spurious_per_mille = 50,
        .guest_post_per_mille = 200,
        .host_post_per_mille = 200,
        .foreign_message_per_mille = 200,
    };

    (void)state;
    rules_check(VMB_VERSION_6_0, &faults, 1000000, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_million_interrupts),
        cmocka_unit_test(test_moves_without_an_answer),
        cmocka_unit_test(test_with_faults),
    };

    return cmocka_run_group_tests_name("sim_rules", tests, NULL, NULL);
}
