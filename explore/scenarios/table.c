/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/table.h"

#include <stddef.h>

/* clang-format off */
#define SCENARIOS(X) \
    X(burst_space) \
    X(burst_wake) \
    X(close) \
    X(close_elsewhere) \
    X(close_deferred) \
    X(close_deferred_elsewhere) \
    X(close_polled) \
    X(deferred_late) \
    X(deferred_reopened) \
    X(deferred_ring) \
    X(dispatch) \
    X(doorbell_legacy) \
    X(host_close) \
    X(host_control) \
    X(host_gpadl) \
    X(host_inbox) \
    X(host_move) \
    X(host_ring) \
    X(host_signal) \
    X(host_contact) \
    X(host_legacy) \
    X(host_legacy_raises) \
    X(host_monitor) \
    X(deferred_word) \
    X(legacy_deferred) \
    X(legacy_page) \
    X(loan_closed) \
    X(loan_later) \
    X(loan_left_due) \
    X(kick) \
    X(loan_moves) \
    X(loan_recalled) \
    X(loan_kicked) \
    X(lookup) \
    X(message_slot) \
    X(message_port_empty) \
    X(message_port_full) \
    X(messages) \
    X(monitor_doorbell) \
    X(port_cut) \
    X(requests) \
    X(requests_cancelled) \
    X(stor_added) \
    X(stor_added_second) \
    X(stor_attention) \
    X(stor_close) \
    X(stor_complete) \
    X(stor_held) \
    X(stor_ready) \
    X(stor_removed) \
    X(stor_reset) \
    X(stor_reset_begun) \
    X(stor_reset_given_up) \
    X(stor_reset_overtaken) \
    X(stor_resets) \
    X(stor_sub_channel) \
    X(stor_sub_reset) \
    X(stor_submit) \
    X(stor_submit_closes) \
    X(stor_submit_early) \
    X(stor_submit_sub) \
    X(synic_messages) \
    X(synic_page) \
    X(synic_signals) \
    X(traffic_abandoned) \
    X(traffic_expected) \
    X(offline) \
    X(polled_ring) \
    X(poller_late) \
    X(poller_takes) \
    X(publish_deferred) \
    X(publish) \
    X(relid_reused) \
    X(relid_reopened) \
    X(rescind) \
    X(rescind_coalesced) \
    X(rescind_reused) \
    X(rescind_deferred) \
    X(retarget) \
    X(retarget_answered) \
    X(ring_space) \
    X(ring_wake) \
    X(runs_once) \
    X(runs_once_deferred) \
    X(same_word) \
    X(scan_limit) \
    X(slot_takers) \
    X(stale_flag) \
    X(bounded) \
    X(connect_legacy) \
    X(hibernate) \
    X(hibernate_late) \
    X(offline_deferred) \
    X(vp_start) \
    X(stray)

/* Of larger scope: more events, more threads. */
#define LARGE(X) \
    X(close_large) \
    X(close_deferred_large) \
    X(close_polled_large) \
    X(deferred_word_large) \
    X(hibernate_large) \
    X(loan_later_large) \
    X(loan_left_due_large) \
    X(loan_moves_large) \
    X(loan_recalled_large) \
    X(offline_large) \
    X(offline_deferred_large) \
    X(poller_late_large) \
    X(deferred_reopened_large) \
    X(publish_large) \
    X(relid_reused_large) \
    X(rescind_coalesced_large) \
    X(retarget_answered_large) \
    X(runs_once_deferred_large) \
    X(stale_flag_large)
/* clang-format on */

#define DECLARE(name) extern const struct xpl_scenario scenario_##name;
#define LIST(name)    &scenario_##name,

SCENARIOS(DECLARE)
LARGE(DECLARE)

const struct xpl_scenario *const scenario_table[] = {SCENARIOS(LIST) NULL};
const struct xpl_scenario *const scenario_table_large[] = {LARGE(LIST) NULL};
