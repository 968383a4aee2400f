/* SPDX-License-Identifier: MIT */
/* A guest above a paravisor that is a host of ours: who is believed, and which memory is used. */
#include "pair.h"

enum {
    CONFIDENTIAL = VMB_FEATURE_CONFIDENTIAL,
    RING = VMB_OFFER_CONFIDENTIAL_RING,
    MEMORY = VMB_OFFER_CONFIDENTIAL_MEMORY
};

static struct pair *confidential(uint32_t guest_features, uint32_t host_features, bool paravisor)
{
    struct vmb_guest_options guest = {.features = guest_features};
    struct vmb_host_options host = {.features = host_features};
    struct pair *pair = pair_new(&guest, &host, paravisor);

    pair_offer(pair, 0, 0, RING | MEMORY);
    pair_offer(pair, 1, 0, RING);
    pair_offer(pair, 2, 0, 0);
    assert_int_equal(pair_connect(pair), VMB_OK);
    return pair;
}

static uint32_t mapped(const struct pair *pair, enum pair_page kind)
{
    uint32_t count = 0, i;

    for (i = 0; i < PAIR_PAGES; i++) {
        count += pair->mapped[i] > 0 && pair->kind[i] == kind;
    }
    return count;
}

static void rings_lie_where_the_offer_says(void **state)
{
    struct pair *pair = confidential(CONFIDENTIAL, CONFIDENTIAL, true);
    uint32_t rings = 2 * (PAIR_RING_PAGES + 1);
    uint32_t shared = mapped(pair, PAIR_SHARED);

    (void)state;
    assert_true(vmb_host_is_trusted(pair->host));
    assert_int_equal(vmb_host_features(pair->host), CONFIDENTIAL);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    assert_int_equal(mapped(pair, PAIR_PRIVATE), rings);
    assert_int_equal(pair_open(pair, 1, 2, false), VMB_OK);
    assert_int_equal(mapped(pair, PAIR_PRIVATE), 2 * rings);
    assert_int_equal(mapped(pair, PAIR_SHARED), shared);
    assert_int_equal(pair_open(pair, 2, 3, false), VMB_OK);
    assert_int_equal(mapped(pair, PAIR_SHARED), shared + rings);
    pair_free(pair);
}

static void signals_go_both_ways_through_the_right_synic(void **state)
{
    struct pair *pair = confidential(CONFIDENTIAL, CONFIDENTIAL, true);
    uint32_t number;

    (void)state;
    for (number = 0; number < 3; number++) {
        uint32_t which = number < 2 ? 1 : 0;
        uint32_t signals = pair->signals[which], raised = pair->raised[which];
        uint32_t others = pair->signals[1 - which], others_raised = pair->raised[1 - which];

        assert_int_equal(pair_open(pair, number, number, false), VMB_OK);
        pair_send(pair, number, 100);
        assert_int_equal(pair_drained(pair, number), VMB_OK);
        assert_true(pair->signals[which] > signals && pair->raised[which] > raised);
        assert_int_equal(pair->signals[1 - which], others);
        assert_int_equal(pair->raised[1 - which], others_raised);
        assert_int_equal(pair_retarget(pair, number, 3), VMB_OK);
        pair_send(pair, number, 100);
        assert_int_equal(pair_drained(pair, number), VMB_OK);
    }
    assert_int_equal(pair->passed[PAIR_TO_GUEST][VMB_MSG_OPEN_RESULT], 3);
    pair_free(pair);
}

static void messages_use_the_paravisors_slot_only(void **state)
{
    struct pair *pair = confidential(CONFIDENTIAL, CONFIDENTIAL, true);

    (void)state;
    assert_int_equal(pair_open(pair, 0, 0, false), VMB_OK);
    assert_true(pair->synic[1].end_of_messages > 0); /* Offers queue behind one another. */
    assert_int_equal(pair->synic[0].end_of_messages, 0);
    assert_int_equal(pair_unload(pair), VMB_OK);
    assert_int_equal(pair->synic[0].end_of_messages, 0);
    pair_free(pair);
}

static void who_is_not_the_guest_is_not_heard(void **state)
{
    struct pair *pair = confidential(CONFIDENTIAL, CONFIDENTIAL, true);
    struct vmb_message close = {.number = VMB_MSG_CLOSE_CHANNEL, .u.close_channel.relid = 1};
    struct vmb_message unload = {.number = VMB_MSG_UNLOAD};
    struct vmb_message contact = {.number = VMB_MSG_INITIATE_CONTACT};
    struct vmb_host_counters counters;

    (void)state;
    contact.u.initiate_contact.requested_version = VMB_VERSION_5_3;
    contact.u.initiate_contact.target_sint = 2;
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    (void)pair_say(pair, PAIR_TO_HOST, &close);
    (void)pair_say(pair, PAIR_TO_HOST, &unload);
    (void)pair_say(pair, PAIR_TO_HOST, &contact);
    vmb_host_read_counters(pair->host, &counters);
    assert_int_equal(counters.messages_untrusted, 3);
    assert_int_equal(pair->host_disconnected, 0);
    pair_send(pair, 0, 10);
    assert_int_equal(pair_drained(pair, 0), VMB_OK);
    pair_free(pair);
}

static void the_feature_needs_all_of_guest_host_and_paravisor(void **state)
{
    static const struct {
        uint32_t guest, host;
        bool paravisor;
    } cases[] = {{CONFIDENTIAL, CONFIDENTIAL, false},
                 {CONFIDENTIAL, VMB_FEATURE_PAUSE_RESUME, true},
                 {VMB_FEATURE_PAUSE_RESUME, CONFIDENTIAL | VMB_FEATURE_PAUSE_RESUME, true}};
    uint32_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct pair *pair = confidential(cases[i].guest, cases[i].host, cases[i].paravisor);

        assert_int_equal(vmb_guest_features(pair->guest) & CONFIDENTIAL, 0);
        assert_int_equal(vmb_host_features(pair->host) & CONFIDENTIAL, 0);
        assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
        assert_int_equal(mapped(pair, PAIR_PRIVATE), 0);
        pair_send(pair, 0, 10);
        assert_int_equal(pair_drained(pair, 0), VMB_OK);
        pair_free(pair);
    }
}

static void gpadl_done(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    (void)gpadl;
    *(vmb_status *)context = status;
}

static vmb_status share_with(struct pair *pair, uint32_t number, bool visible)
{
    struct vmb_gpadl gpadl;
    struct vmb_gpadl_range range = {.byte_count = 2 * VMB_PAGE_BYTES};
    vmb_status ended = VMB_ERR_RETRY;
    vmb_status down = VMB_ERR_RETRY;

    range.first_gpn = pair_lend(pair, 2, visible);
    assert_int_equal(vmb_channel_gpadl_create(pair->devices[number].channel, &gpadl, &range, 1,
                                              gpadl_done, &ended),
                     VMB_OK);
    pair_pump(pair);
    if (ended == VMB_OK) {
        assert_int_equal(vmb_channel_gpadl_teardown(&gpadl, gpadl_done, &down), VMB_OK);
        pair_pump(pair);
        assert_int_equal(down, VMB_OK);
    }
    pair_take_back(pair, range.first_gpn, 2);
    return ended;
}

static void gpadls_are_what_the_offer_allows(void **state)
{
    struct pair *pair = confidential(CONFIDENTIAL, CONFIDENTIAL, true);
    uint32_t number;

    (void)state;
    for (number = 0; number < 3; number++) {
        assert_int_equal(pair_open(pair, number, 0, false), VMB_OK);
    }
    assert_int_equal(share_with(pair, 0, false), VMB_OK);
    assert_int_equal(share_with(pair, 0, true), VMB_ERR_REFUSED);
    assert_int_equal(share_with(pair, 1, true), VMB_OK);
    assert_int_equal(share_with(pair, 2, true), VMB_OK);
    assert_int_equal(share_with(pair, 2, false), VMB_ERR_REFUSED);
    pair_free(pair);
}

static void a_second_kernel_without_confidence_is_served_after_a_reset(void **state)
{
    struct pair *pair = confidential(CONFIDENTIAL, CONFIDENTIAL, true);

    (void)state;
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    assert_int_equal(pair_unload(pair), VMB_OK);
    assert_false(vmb_host_is_trusted(pair->host));
    assert_int_equal(pair_connect(pair), VMB_OK); /* And the same one again. */
    assert_true(vmb_host_is_trusted(pair->host));
    vmb_host_reset(pair->host);
    assert_false(vmb_host_is_trusted(pair->host));
    pair_free(pair);
}

static void a_paravisor_is_whole_and_comes_first(void **state)
{
    struct pair *pair = confidential(CONFIDENTIAL, CONFIDENTIAL, false);
    struct vmb_host_paravisor none = {.struct_bytes = sizeof(none)};

    (void)state;
    assert_int_equal(vmb_host_set_paravisor(pair->host, &none), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_host_on_trusted_message(pair->host, VMB_CONNECTION_MESSAGE, "", 0),
                     VMB_ERR_INVALID_TARGET);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_lie_where_the_offer_says),
        cmocka_unit_test(signals_go_both_ways_through_the_right_synic),
        cmocka_unit_test(messages_use_the_paravisors_slot_only),
        cmocka_unit_test(who_is_not_the_guest_is_not_heard),
        cmocka_unit_test(the_feature_needs_all_of_guest_host_and_paravisor),
        cmocka_unit_test(gpadls_are_what_the_offer_allows),
        cmocka_unit_test(a_second_kernel_without_confidence_is_served_after_a_reset),
        cmocka_unit_test(a_paravisor_is_whole_and_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
