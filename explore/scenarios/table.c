/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/table.h"

#include <stddef.h>

/* clang-format off */
#define SCENARIOS(X) \
    X(close) \
    X(close_deferred) \
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
    X(legacy_page) \
    X(loan_closed) \
    X(loan_later) \
    X(kick) \
    X(loan_moves) \
    X(loan_recalled) \
    X(lookup) \
    X(message_slot) \
    X(messages) \
    X(offline) \
    X(polled_ring) \
    X(poller_late) \
    X(poller_takes) \
    X(publish) \
    X(relid_reused) \
    X(rescind) \
    X(rescind_coalesced) \
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
    X(offline_deferred) \
    X(vp_start) \
    X(stray)
/* clang-format on */

#define DECLARE(name) extern const struct xpl_scenario scenario_##name;
#define LIST(name)    &scenario_##name,

SCENARIOS(DECLARE)

const struct xpl_scenario *const scenario_table[] = {SCENARIOS(LIST) NULL};
