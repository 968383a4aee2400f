/* SPDX-License-Identifier: MIT */
/* From an event flag to a handler: rules R1 to R10, one VP at a time. Threads are elsewhere. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/vmb_guest_state.h"

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 4);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static struct vmb_vp_counters vp_counters(uint32_t vp)
{
    struct vmb_vp_counters counters;

    assert_int_equal(vmb_guest_vp_counters(rig.guest, vp, &counters), VMB_OK);
    return counters;
}

/* Opened, and the start that every open is owed has happened. */
static struct vmb_channel *open_quiet(uint32_t relid, enum vmb_notify notify)
{
    struct vmb_channel *channel = rig_open(&rig, relid, notify);

    while (vmb_guest_run(rig.guest, 0, 100)) {
    }
    if (notify == VMB_NOTIFY_POLLED) {
        assert_false(vmb_channel_rearm(channel));
    }
    rig.event_count = 0;
    return channel;
}

static void whichever_vp_an_event_lands_on_finds_the_channel(void **state)
{
    uint32_t vp;

    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DIRECT);
    for (vp = 0; vp < RIG_VPS; vp++) {
        assert_int_equal(rig_event(&rig, vp, 2), VMB_GUEST_WORK_NONE);
        assert_int_equal(rig.event_count, vp + 1);
        assert_int_equal(vp_counters(vp).started, 1);
    }
}

static void an_event_for_nobody_is_counted_and_ignored(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DIRECT);
    assert_int_equal(rig_event(&rig, 1, 31), VMB_GUEST_WORK_NONE);
    assert_int_equal(rig_event(&rig, 1, 0), VMB_GUEST_WORK_NONE);
    assert_int_equal(rig_event(&rig, 1, 3), VMB_GUEST_WORK_NONE); /* Mapped, not open. */
    assert_int_equal(vp_counters(1).stray_unmapped, 2);
    assert_int_equal(vp_counters(1).stray_closed, 1);
    assert_int_equal(vp_counters(1).events, 3);
    assert_int_equal(rig.log_count, 0); /* No flood: not a line. */
    assert_int_equal(rig.event_count, 0);
}

static void every_relid_at_once_does_no_harm(void **state)
{
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages, 2);

    (void)state;
    rig_offer(&rig, 2047);
    (void)open_quiet(2047, VMB_NOTIFY_DIRECT);
    (void)open_quiet(1, VMB_NOTIFY_DIRECT);
    memset(flags, 0xFF, 256);
    (void)vmb_guest_on_interrupt(rig.guest, 0);
    assert_int_equal(vp_counters(0).events, 2048);
    assert_int_equal(rig.event_count, 2);
    assert_memory_equal(flags, (const uint8_t[256]){0}, 256);
}

static void the_scan_stops_at_the_highest_mapped_relid(void **state)
{
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages, 2);

    (void)state;
    (void)rig_event(&rig, 0, 1500);
    assert_int_equal(vp_counters(0).events, 0);
    assert_int_not_equal(flags[1500 / 8], 0); /* Nobody looked there. */
}

static void a_flag_left_by_an_earlier_life_does_not_swallow_the_next_event(void **state)
{
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages + VMB_PAGE_BYTES, 2);

    (void)state;
    (void)rig_event(&rig, 1, 1500); /* Unseen: above the highest relid. */
    rig_offer(&rig, 1500);
    (void)open_quiet(1500, VMB_NOTIFY_DIRECT);
    /* The hypervisor interrupts on 0 to 1 only. */
    assert_int_equal(flags[1500 / 8] & 1u << 1500 % 8, 0);
}

static void a_handle_takes_the_interrupts_of_its_vp(void **state)
{
    struct vmb_guest_vp *vp = vmb_guest_vp_handle(rig.guest, 1);
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages + VMB_PAGE_BYTES, 2);

    (void)state;
    assert_null(vmb_guest_vp_handle(rig.guest, RIG_VPS));
    assert_ptr_equal(vp, vmb_guest_vp_handle(rig.guest, 1));
    (void)open_quiet(2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_on_interrupt(vp), VMB_GUEST_WORK_NONE);
    flags[0] = 1u << 2;
    assert_int_equal(vmb_guest_vp_on_interrupt(vp), VMB_GUEST_WORK_NONE);
    assert_int_equal(rig.event_count, 1);
    assert_int_equal(vp_counters(1).interrupts, 2);
    assert_int_equal(vp_counters(1).started, 1);
    assert_int_equal(vp_counters(0).started, 0);
}

/* Each word of flags, with as many words to be looked at as can be. */
static void a_flag_is_found_wherever_the_scan_ends(void **state)
{
    uint32_t top, relid;

    (void)state;
    for (top = 31; top < VMB_RELID_COUNT; top += 32) {
        rig_offer(&rig, top);
        (void)open_quiet(top, VMB_NOTIFY_DIRECT);
        for (relid = 31; relid <= top; relid += 32) {
            assert_int_equal(rig_event(&rig, 3, relid), VMB_GUEST_WORK_NONE);
        }
        assert_int_equal(rig.event_count, top / 32 + 1);
        assert_int_equal(vp_counters(3).stray_unmapped, 0);
    }
}

/* Two words of 32 flags, as near and as far as can be. */
static void a_flag_is_found_however_far_behind_another(void **state)
{
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages + VMB_PAGE_BYTES, 2);
    uint32_t first, second;
    uint64_t events = 0;

    (void)state;
    rig_offer(&rig, 2047);
    for (first = 0; first < 64; first++) {
        for (second = first + 1; second < 64; second++) {
            flags[first * 4 + 3] = 1;
            flags[second * 4] = 1;
            (void)vmb_guest_on_interrupt(rig.guest, 1);
            events += 2;
            assert_int_equal(vp_counters(1).events, events);
        }
    }
    assert_memory_equal(flags, (const uint8_t[256]){0}, 256);
}

static void deferred_handlers_run_when_the_port_says(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DEFERRED);
    assert_int_equal(rig_event(&rig, 3, 2), VMB_GUEST_WORK_RUN);
    assert_int_equal(rig_event(&rig, 3, 2), VMB_GUEST_WORK_RUN);
    assert_int_equal(vp_counters(3).events, 2);
    assert_int_equal(vp_counters(3).started, 1);
    assert_int_equal(vp_counters(3).coalesced, 1); /* It was due already. */
    assert_int_equal(rig.event_count, 0);
    assert_false(vmb_guest_run(rig.guest, 2, 100));
    assert_int_equal(rig.event_count, 0);
    assert_false(vmb_guest_run(rig.guest, 3, 100));
    assert_int_equal(rig.event_count, 1);
    assert_int_equal(rig_event(&rig, 2, 2), VMB_GUEST_WORK_RUN); /* And again, on any VP. */
    assert_false(vmb_guest_run(rig.guest, 2, 100));
    assert_int_equal(rig.event_count, 2);
}

static void events_of_one_word_are_counted_as_what_they_are(void **state)
{
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages + VMB_PAGE_BYTES, 2);
    uint32_t relid;

    (void)state;
    (void)open_quiet(1, VMB_NOTIFY_DIRECT);
    for (relid = 2; relid <= 4; relid++) {
        (void)open_quiet(relid, VMB_NOTIFY_DEFERRED);
    }
    assert_int_equal(rig_event(&rig, 1, 3), VMB_GUEST_WORK_RUN);
    flags[0] = 0x3E; /* The direct one, three deferred ones of which one is due, and nobody's. */
    assert_int_equal(vmb_guest_on_interrupt(rig.guest, 1), VMB_GUEST_WORK_RUN);
    assert_int_equal(vp_counters(1).events, 6);
    assert_int_equal(vp_counters(1).started, 4);
    assert_int_equal(vp_counters(1).coalesced, 1);
    assert_int_equal(vp_counters(1).stray_unmapped, 1);
    assert_int_equal(rig.event_count, 1);
    assert_false(vmb_guest_run(rig.guest, 1, 100));
    assert_int_equal(rig.event_count, 4);
}

static void event_on_another_vp(struct rig *self)
{
    if (self->event_count == 1) {
        (void)rig_event(self, 3, 2);
        assert_int_equal(self->event_count, 1); /* Never on two VPs at once. */
    }
}

static void an_event_during_the_handler_makes_it_run_again(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DIRECT);
    rig.in_event = event_on_another_vp;
    (void)rig_event(&rig, 1, 2);
    assert_int_equal(rig.event_count, 2);
    assert_int_equal(vp_counters(3).coalesced, 1);
}

static void an_event_during_a_deferred_handler_makes_it_due_again(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DEFERRED);
    rig.in_event = event_on_another_vp;
    (void)rig_event(&rig, 1, 2);
    assert_false(vmb_guest_run(rig.guest, 1, 1));
    assert_int_equal(rig.event_count, 1);
    assert_false(vmb_guest_run(rig.guest, 3, 1)); /* Where the event came. */
    assert_int_equal(rig.event_count, 2);
}

static void run_on_another_vp(struct rig *self)
{
    if (self->event_count == 1) {
        (void)rig_event(self, 3, 2);
        assert_false(vmb_guest_run(self->guest, 3, 1));
        assert_int_equal(self->event_count, 1); /* Never on two VPs at once. */
    }
}

static void a_run_during_a_deferred_handler_makes_it_due_again(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DEFERRED);
    rig.in_event = run_on_another_vp;
    (void)rig_event(&rig, 1, 2);
    assert_true(vmb_guest_run(rig.guest, 1, 1));
    assert_int_equal(rig.event_count, 1);
    assert_false(vmb_guest_run(rig.guest, 1, 1));
    assert_int_equal(rig.event_count, 2);
}

/* ---- Gates that are lent to the target VP ------------------------------------------------------
 */

static void inside_on_another_vp(struct rig *self)
{
    self->in_event = NULL;
    assert_int_equal(rig_event(self, 3, 2), VMB_GUEST_WORK_RUN); /* Its home is inside: later. */
    assert_true(vmb_guest_run(self->guest, 3, 1));
    assert_int_equal(self->event_count, 1); /* Never on two VPs at once. */
    (void)rig_event(self, 2, 2);
    assert_int_equal(vp_counters(2).coalesced, 1); /* Who has the duty answers this one, too. */
}

static void a_handler_at_home_is_not_joined_by_another_vp(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DIRECT);

    assert_int_equal(vmb_channel_target_vp(channel), 0);
    (void)state;
    rig.in_event = inside_on_another_vp;
    (void)rig_event(&rig, 0, 2);
    assert_int_equal(rig.event_count, 1);
    assert_false(vmb_guest_run(rig.guest, 3, 1)); /* Home has left its interrupt meanwhile. */
    assert_int_equal(rig.event_count, 2);
    (void)rig_event(&rig, 0, 2);
    assert_int_equal(rig.event_count, 3);
}

static void handler_calls_are_counted_wherever_they_happen(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DIRECT);
    struct vmb_channel_counters before, after;

    (void)state;
    vmb_channel_read_counters(channel, &before);
    (void)rig_event(&rig, 0, 2);
    (void)rig_event(&rig, 0, 2);
    (void)rig_event(&rig, 1, 2);
    (void)rig_event(&rig, 0, 2);
    vmb_channel_read_counters(channel, &after);
    assert_int_equal(after.handler_runs - before.handler_runs, 4);
    assert_int_equal(after.interrupts - before.interrupts, 4);
    assert_int_equal(rig.event_count, 4);
}

static void handler_calls_are_counted_beyond_32_bits(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DIRECT);
    struct vmb_channel_counters before, after;

    (void)state;
    vmb_atomic_store(&rig.guest->vps[0].runs[2], UINT32_MAX, VMB_RELAXED);
    vmb_channel_read_counters(channel, &before);
    (void)rig_event(&rig, 0, 2);
    (void)rig_event(&rig, 0, 2);
    vmb_channel_read_counters(channel, &after);
    assert_int_equal((uintptr_t)(after.handler_runs - before.handler_runs), 2);
}

static void close_at_home(struct rig *self)
{
    self->in_event = NULL;
    assert_int_equal(vmb_channel_close(vmb_guest_relid2channel(self->guest, 2), NULL, NULL),
                     VMB_OK);
    rig_poll(self);
    assert_int_equal(self->closed_count, 0); /* We are still inside. */
    (void)rig_event(self, 3, 2);
    assert_int_equal(vp_counters(3).stray_closed, 1);
}

static void closing_ends_a_loan(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DIRECT);
    rig.in_event = close_at_home;
    (void)rig_event(&rig, 0, 2);
    rig_poll(&rig);
    assert_int_equal(rig.closed_count, 1);
    (void)rig_event(&rig, 0, 2);
    assert_int_equal(rig.event_count, 1);
    assert_int_equal(vp_counters(0).stray_closed, 1);
}

static void event_always(struct rig *self)
{
    (void)rig_event(self, 3, 2);
}

static void a_handler_that_is_signalled_without_end_leaves_the_interrupt(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DIRECT);
    rig.in_event = event_always;
    (void)rig_event(&rig, 1, 2);
    assert_int_equal(rig.event_count, 8);
    assert_int_equal(rig.run_ready_count, 1);
    rig.in_event = NULL;
    assert_false(vmb_guest_run(rig.guest, 1, 100)); /* What was owed is done here. */
    assert_int_equal(rig.event_count, 9);
}

static void run_keeps_its_budget_and_every_channel_gets_its_turn(void **state)
{
    uint32_t relid;
    uint32_t turns = 0;

    (void)state;
    for (relid = 5; relid < 64; relid++) {
        rig_offer(&rig, relid * 30);
    }
    for (relid = 5; relid < 64; relid++) {
        (void)open_quiet(relid * 30, VMB_NOTIFY_DEFERRED);
    }
    for (relid = 5; relid < 64; relid++) {
        (void)rig_event(&rig, 2, relid * 30);
    }
    while (vmb_guest_run(rig.guest, 2, 4)) {
        turns++;
        assert_int_equal(rig.event_count, turns * 4);
    }
    assert_int_equal(rig.event_count, 59);
}

static void a_run_goes_round_from_where_the_last_one_stopped(void **state)
{
    struct vmb_channel *channels[20];
    uint32_t budget, each;
    uintptr_t runs;

    (void)state;
    for (each = 0; each < 20; each++) {
        rig_offer(&rig, 100 + each * 100);
        channels[each] = open_quiet(100 + each * 100, VMB_NOTIFY_DEFERRED);
    }
    for (budget = 1; budget < 20; budget++) {
        rig.guest->vps[2].run_word = 0;
        rig.event_count = 0;
        for (each = 0; each < 20; each++) {
            (void)rig_event(&rig, 2, 100 + each * 100);
        }
        assert_true(vmb_guest_run(rig.guest, 2, budget));
        assert_int_equal(rig.event_count, budget);
        for (each = 0; each < 20; each++) { /* Those that have run are due again. */
            (void)rig_event(&rig, 2, 100 + each * 100);
        }
        runs = vmbi_channel_runs(channels[budget]);
        assert_true(vmb_guest_run(rig.guest, 2, 1));
        assert_int_equal(vmbi_channel_runs(channels[budget]), runs + 1);
        assert_false(vmb_guest_run(rig.guest, 2, 100));
        assert_int_equal(rig.event_count, budget + 20);
        assert_false(vmb_guest_run(rig.guest, 2, 100));
        assert_int_equal(rig.event_count, budget + 20);
    }
}

static void a_run_begins_anew_where_words_are_fewer(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DEFERRED);
    (void)rig_event(&rig, 2, 2);
    rig.guest->vps[2].run_word = 20; /* Where a channel was that is gone by now. */
    assert_false(vmb_guest_run(rig.guest, 2, 100));
    assert_int_equal(rig.event_count, 1);
}

static void a_kick_is_as_good_as_an_event(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DEFERRED);

    (void)state;
    vmb_channel_kick(channel);
    vmb_channel_kick(channel);
    assert_false(vmb_guest_run(rig.guest, 0, 10));
    assert_int_equal(rig.event_count, 1);
    vmb_channel_kick(rig.offered[3]); /* Not open. */
    assert_false(vmb_guest_run(rig.guest, 0, 10));
    assert_int_equal(rig.event_count, 1);
}

static void a_poller_is_told_once_until_it_rearms(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_POLLED);

    (void)state;
    (void)rig_event(&rig, 0, 2);
    (void)rig_event(&rig, 1, 2);
    (void)rig_event(&rig, 2, 2);
    assert_int_equal(rig.event_count, 1);
    assert_true(vmb_channel_rearm(channel)); /* Events came meanwhile: look again. */
    assert_false(vmb_channel_rearm(channel));
    (void)rig_event(&rig, 1, 2);
    assert_int_equal(rig.event_count, 2);
}

static void after_close_no_handler_starts_and_none_is_awaited_for_ever(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DEFERRED);

    (void)state;
    (void)rig_event(&rig, 1, 2);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    assert_false(vmb_guest_run(rig.guest, 1, 100)); /* It was due; now it is not. */
    assert_int_equal(rig.event_count, 0);
    (void)rig_event(&rig, 1, 2);
    assert_int_equal(vp_counters(1).stray_closed, 1);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
}

static void close_in_handler(struct rig *self)
{
    self->in_event = NULL;
    assert_int_equal(vmb_channel_close(vmb_guest_relid2channel(self->guest, 2), NULL, NULL),
                     VMB_OK);
    rig_poll(self);
    assert_int_equal(self->closed_count, 0); /* We are still inside. */
}

static void closed_is_not_reported_while_a_handler_runs(void **state)
{
    (void)state;
    (void)open_quiet(2, VMB_NOTIFY_DIRECT);
    rig.in_event = close_in_handler;
    (void)rig_event(&rig, 1, 2);
    rig_poll(&rig);
    assert_int_equal(rig.closed_count, 1);
}

static void a_poller_that_rearms_lets_the_close_go_on(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_POLLED);

    (void)state;
    (void)rig_event(&rig, 0, 2);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(rig.closed_count, 0);
    assert_false(vmb_channel_rearm(channel));
    rig_poll(&rig);
    assert_int_equal(rig.closed_count, 1);
}

static void hosts_before_2_4_use_the_interrupt_page(void **state)
{
    uint8_t *page;

    (void)state;
    rig_stop(&rig);
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_1_1, 200);
    page = rig.shared_pages; /* The first page shared. */
    (void)open_quiet(150, VMB_NOTIFY_DIRECT);
    page[150 / 8] = 1u << 150 % 8;
    page[7 / 8] = 1u << 7 % 8; /* Offered, not open. */
    (void)rig_event(&rig, 0, 0);
    assert_int_equal(rig.event_count, 1);
    assert_int_equal(vp_counters(0).legacy, 1);
    assert_int_equal(vp_counters(0).stray_closed, 1);
    assert_int_equal(page[150 / 8], 0);
    assert_int_equal(vp_counters(0).events, 3);
    assert_int_equal(vp_counters(0).started, 1);
    (void)open_quiet(20, VMB_NOTIFY_DEFERRED);
    page[20 / 8] = 1u << 20 % 8;
    assert_int_equal(rig_event(&rig, 0, 0), VMB_GUEST_WORK_RUN);
    assert_int_equal(vp_counters(0).events, 5);
    assert_int_equal(vp_counters(0).started, 2);
    assert_false(vmb_guest_run(rig.guest, 0, 100));
    assert_int_equal(rig.event_count, 1);
}

/* It interrupts only for a bit that was not set: one that is left would swallow the next. */
static void a_bit_left_in_the_interrupt_page_is_forgotten(void **state)
{
    uint8_t *page;

    (void)state;
    rig_stop(&rig);
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_1_1, 200);
    page = rig.shared_pages;
    page[150 / 8] = 1u << 150 % 8; /* And its interrupt has been taken before it was mapped. */
    (void)open_quiet(150, VMB_NOTIFY_DIRECT);
    assert_int_equal(page[150 / 8], 0);
}

static void channels_without_their_own_connection_share_one(void **state)
{
    uint8_t *page;
    uint64_t word = 1;

    (void)state;
    rig_stop(&rig);
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_0_13, 40);
    page = rig.shared_pages;
    (void)open_quiet(33, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_endpoint_send(rig.endpoint, &word, sizeof(word), 0, false), VMB_OK);
    assert_int_equal(rig.signals, 1);
    assert_int_equal(rig.signal_connection, VMB_CONNECTION_EVENT);
    assert_int_equal(page[2048 + 33 / 8], 1u << 33 % 8);
}

/* ---- Retarget --------------------------------------------------------------------------------
 */

static void a_retarget_waits_for_the_host_from_5_3_on(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DIRECT);
    const struct vmb_message *modify;

    (void)state;
    rig.done_count = 0;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, rig_done, &rig), VMB_OK);
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, rig_done, &rig), VMB_ERR_BUSY);
    modify = rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    assert_int_equal(modify->u.modify_channel.relid, 2);
    assert_int_equal(modify->u.modify_channel.target_vp, 3);
    assert_int_equal(rig.done_count, 0);
    (void)rig_event(&rig, 0, 2); /* The old VP ... */
    (void)rig_event(&rig, 3, 2); /* ... and the new one: both find it. */
    assert_int_equal(rig.event_count, 2);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE,
                                        .u.modify_channel_response = {.relid = 2}});
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_OK);
    assert_int_equal(vmb_channel_target_vp(channel), 3);
}

static void a_refused_retarget_changes_nothing(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DIRECT);

    (void)state;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, rig_done, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_say(&rig, &(struct vmb_message){
                      .number = VMB_MSG_MODIFY_CHANNEL_RESPONSE,
                      .u.modify_channel_response = {.relid = 2, .status = VMB_NTSTATUS_FAILURE}});
    assert_int_equal(rig.done_status, VMB_ERR_REFUSED);
    assert_int_equal(vmb_channel_target_vp(channel), 0);
}

static void a_retarget_ends_when_its_answer_cannot_come(void **state)
{
    struct vmb_channel *channel = open_quiet(2, VMB_NOTIFY_DIRECT);

    (void)state;
    rig.done_count = 0;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, rig_done, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_GONE);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);

    channel = open_quiet(3, VMB_NOTIFY_DIRECT);
    rig.done_count = 0;
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, rig_done, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_rescind(&rig, 3);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_GONE);
    rig_answer_teardown(&rig);

    channel = open_quiet(4, VMB_NOTIFY_DIRECT);
    rig.done_count = 0;
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, rig_done, &rig), VMB_OK);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_TIMEOUT);
}

static void retargets_by_version(void **state)
{
    uint32_t version;

    (void)state;
    for (version = VMB_VERSION_5_2; version != 0; version = vmb_version_next_lower(version)) {
        struct vmb_channel *channel;

        rig_stop(&rig);
        rig_start(&rig, NULL);
        rig_connect(&rig, version, 1);
        channel = open_quiet(1, VMB_NOTIFY_DIRECT);
        rig.done_count = 0;
        if (version < VMB_VERSION_4_1) {
            assert_int_equal(vmb_channel_set_target_vp(channel, 1, rig_done, &rig),
                             VMB_ERR_VERSION);
            continue;
        }
        assert_int_equal(vmb_channel_set_target_vp(channel, 1, rig_done, &rig), VMB_OK);
        (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
        assert_int_equal(rig.done_count, 1); /* No answer exists. */
        assert_int_equal(vmb_channel_target_vp(channel), 1);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whichever_vp_an_event_lands_on_finds_the_channel),
        TEST(an_event_for_nobody_is_counted_and_ignored),
        TEST(every_relid_at_once_does_no_harm),
        TEST(the_scan_stops_at_the_highest_mapped_relid),
        TEST(a_flag_left_by_an_earlier_life_does_not_swallow_the_next_event),
        TEST(a_handle_takes_the_interrupts_of_its_vp),
        TEST(a_flag_is_found_wherever_the_scan_ends),
        TEST(a_flag_is_found_however_far_behind_another),
        TEST(deferred_handlers_run_when_the_port_says),
        TEST(events_of_one_word_are_counted_as_what_they_are),
        TEST(an_event_during_the_handler_makes_it_run_again),
        TEST(an_event_during_a_deferred_handler_makes_it_due_again),
        TEST(a_handler_that_is_signalled_without_end_leaves_the_interrupt),
        TEST(run_keeps_its_budget_and_every_channel_gets_its_turn),
        TEST(a_run_goes_round_from_where_the_last_one_stopped),
        TEST(a_run_begins_anew_where_words_are_fewer),
        TEST(a_kick_is_as_good_as_an_event),
        TEST(a_poller_is_told_once_until_it_rearms),
        TEST(after_close_no_handler_starts_and_none_is_awaited_for_ever),
        TEST(a_run_during_a_deferred_handler_makes_it_due_again),
        TEST(a_handler_at_home_is_not_joined_by_another_vp),
        TEST(handler_calls_are_counted_wherever_they_happen),
        TEST(handler_calls_are_counted_beyond_32_bits),
        TEST(closing_ends_a_loan),
        TEST(closed_is_not_reported_while_a_handler_runs),
        TEST(a_poller_that_rearms_lets_the_close_go_on),
        TEST(hosts_before_2_4_use_the_interrupt_page),
        TEST(a_bit_left_in_the_interrupt_page_is_forgotten),
        TEST(channels_without_their_own_connection_share_one),
        TEST(a_retarget_waits_for_the_host_from_5_3_on),
        TEST(a_refused_retarget_changes_nothing),
        TEST(a_retarget_ends_when_its_answer_cannot_come),
        TEST(retargets_by_version),
    };

    return cmocka_run_group_tests_name("guest dispatch", tests, NULL, NULL);
}
