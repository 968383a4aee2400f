/* SPDX-License-Identifier: MIT */
/*
 * A paused host takes nothing but the end of the pause. A guest that means ill, or has lost its
 * head, posts all it can meanwhile: its queue fills, the host's own stands still. The pause can be
 * ended all the same: by Resume after one poll, by Unload and a new contact at once; and what was
 * held comes out whole and in order. VMBus 6.0: Pause, PauseResponse, Resume.
 */
#include "save_kit.h"

#include "base/vmb_le.h"

static const struct vmb_host_options limits = {.struct_bytes = sizeof(limits),
                                               .vp_count = 4,
                                               .channel_limit = 16,
                                               .gpadl_limit = 8,
                                               .gpadl_page_limit = 64,
                                               .message_limit = 8};

/* Connected, with device 0 open; paused, and the guest has read all. */
static struct hrig *paused_new(void)
{
    struct hrig *rig = hrig_new(&limits);

    hrig_with_open(rig, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME);
    hrig_header_only(rig, VMB_MSG_PAUSE);
    hrig_expect(rig, VMB_MSG_PAUSE_RESPONSE);
    return rig;
}

static vmb_status post_number(struct hrig *rig, uint32_t number, uint32_t byte_count)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES] = {0};

    vmbi_put_le32(bytes, number);
    vmbi_put_le32(bytes + 8, 1); /* A relid, where there is one. */
    return vmb_host_on_message(rig->host, rig->guest_connection, bytes, byte_count);
}

/* Post until no more is taken; nobody polls. Returns how many were. */
static uint32_t flood(struct hrig *rig, uint32_t number, uint32_t byte_count)
{
    uint32_t taken = 0;
    vmb_status status;

    while ((status = post_number(rig, number, byte_count)) == VMB_OK) {
        assert_true(++taken <= limits.message_limit);
    }
    assert_int_equal(status, VMB_ERR_RETRY); /* Who posts is told to come again. */
    return taken;
}

static struct vmb_host_counters counters_of(const struct hrig *rig)
{
    struct vmb_host_counters counters;

    vmb_host_read_counters(rig->host, &counters);
    return counters;
}

static vmb_status resume(struct hrig *rig)
{
    return post_number(rig, VMB_MSG_RESUME, VMB_MESSAGE_HEADER_BYTES);
}

/* The guest is heard and answered again. */
static void expect_going_on(struct hrig *rig)
{
    hrig_close(rig, 1);
    hrig_run(rig);
    hrig_open(rig, 1, 100, 1);
    hrig_run(rig);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_expect_nothing(rig);
}

/* Each kind of message fills the queue in turn; one poll later there is room for Resume. */
static void resume_gets_in_after_a_poll_whatever_fills_the_queue(void **state)
{
    static const struct {
        uint32_t number, byte_count;
    } kinds[] = {
        {0, 0},                       /* Nothing. */
        {VMB_MSG_CLOSE_CHANNEL, 3},   /* Cut short. */
        {VMB_MSG_OPEN_CHANNEL, 16},   /* Likewise, with a number. */
        {4711, 240},                  /* Of no version. */
        {VMB_MSG_OFFER_CHANNEL, 196}, /* Of the host's. */
        {VMB_MSG_PAUSE, 8},           /* It is. */
        {VMB_MSG_CLOSE_CHANNEL, 12},  /* In order, but not now. */
        {VMB_MSG_GPADL_TEARDOWN, 16},
        {VMB_MSG_REQUEST_OFFERS, 8},
        {VMB_MSG_RELID_RELEASED, 12},
        {VMB_MSG_CLOSE_RESERVED, 20},
    };

    (void)state;
    for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct hrig *rig = paused_new();
        struct vmb_host_counters before = counters_of(rig), after;
        uint32_t taken = flood(rig, kinds[i].number, kinds[i].byte_count), logged = rig->log_count;

        assert_int_equal(taken, limits.message_limit - 2);
        assert_int_equal(resume(rig), VMB_ERR_RETRY);
        hrig_poll(rig);
        hrig_expect_nothing(rig); /* None of it has been answered, */
        after = counters_of(rig);
        assert_int_equal(after.messages_unexpected + after.messages_unknown +
                             after.messages_malformed - before.messages_unexpected -
                             before.messages_unknown - before.messages_malformed,
                         taken); /* each has been counted, */
        assert_true(rig->log_count - logged <= taken);
        assert_int_equal(rig->devices[0].closed, 0); /* and none has been acted upon. */
        assert_int_equal(resume(rig), VMB_OK);
        hrig_poll(rig);
        expect_going_on(rig);
        hrig_free(rig);
    }
}

/* Resume stands behind the rubbish in the same queue: no second poll is needed. */
static void resume_at_the_end_of_a_full_queue_is_reached(void **state)
{
    struct hrig *rig = paused_new();

    (void)state;
    for (uint32_t i = 0; i < limits.message_limit - 3; i++) { /* All but one that it may take. */
        assert_int_equal(post_number(rig, VMB_MSG_PAUSE, 8), VMB_OK);
    }
    assert_int_equal(resume(rig), VMB_OK);
    hrig_poll(rig);
    expect_going_on(rig);
    hrig_free(rig);
}

/*
 * The host has more to say than its queue holds, and may not say it; the guest's queue is full too.
 * Neither waits for the other.
 */
static void what_was_held_comes_in_order_after_both_queues_were_full(void **state)
{
    struct hrig *rig = paused_new();
    uint32_t instance;

    (void)state;
    for (instance = 1; instance < HRIG_DEVICES; instance++) {
        hrig_offer(rig, instance, (uint8_t)(20 + instance), 0);
        hrig_poll(rig);
    }
    for (uint32_t round = 0; round < 50; round++) {
        (void)flood(rig, VMB_MSG_CLOSE_CHANNEL, 12);
        hrig_poll(rig);
    }
    hrig_expect_nothing(rig);
    assert_int_equal(resume(rig), VMB_OK);
    (void)flood(rig, VMB_MSG_REQUEST_OFFERS, 8); /* Behind it, and not legal twice. */
    rig->slots_free = 1;                         /* The guest reads one message at a time. */
    for (instance = 1; instance < HRIG_DEVICES; instance++) {
        hrig_poll(rig);
        assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.instance_guid.bytes[0],
                         20 + instance);
        hrig_expect_nothing(rig);
        rig->slots_free = 1;
    }
    rig->slots_free = UINT32_MAX;
    hrig_poll(rig);
    expect_going_on(rig);
    hrig_free(rig);
}

/*
 * The guest does not even read the answer to its pause. Resume is heard; the answer is still the
 * first that it finds, before all that came after, also after a second pause of that kind.
 */
static void pauses_whose_answers_nobody_reads(void **state)
{
    struct hrig *rig = hrig_new(&limits);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME);
    rig->slots_free = 0;
    hrig_header_only(rig, VMB_MSG_PAUSE);
    hrig_offer(rig, 1, 21, 0);
    hrig_poll(rig);
    (void)flood(rig, VMB_MSG_CLOSE_CHANNEL, 12);
    hrig_poll(rig);
    assert_int_equal(resume(rig), VMB_OK);
    hrig_poll(rig);
    hrig_header_only(rig, VMB_MSG_PAUSE);
    hrig_offer(rig, 2, 22, 0);
    hrig_poll(rig);
    rig->slots_free = UINT32_MAX;
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_PAUSE_RESPONSE);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_PAUSE_RESPONSE);
    hrig_expect_nothing(rig); /* The second offer waits for the second Resume. */
    assert_int_equal(resume(rig), VMB_OK);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    expect_going_on(rig);
    hrig_free(rig);
}

/* A new kernel knows of no pause. It gets in at once, over two queues that are full. */
static void unload_and_contact_need_no_poll(void **state)
{
    struct hrig *rig = paused_new();

    (void)state;
    for (uint32_t instance = 1; instance < HRIG_DEVICES; instance++) {
        hrig_offer(rig, instance, (uint8_t)(20 + instance), 0);
        hrig_poll(rig);
    }
    (void)flood(rig, VMB_MSG_CLOSE_CHANNEL, 12);
    assert_int_equal(post_number(rig, VMB_MSG_UNLOAD, VMB_MESSAGE_HEADER_BYTES), VMB_OK);
    hrig_poll(rig);
    hrig_run(rig);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    hrig_expect_nothing(rig);
    hrig_contact(rig, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME);
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    hrig_header_only(rig, VMB_MSG_PAUSE);
    hrig_expect(rig, VMB_MSG_PAUSE_RESPONSE);
    (void)flood(rig, VMB_MSG_CLOSE_CHANNEL, 12);
    hrig_contact(rig, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME);
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

/* The pause and both queues go along to another machine. */
static void a_paused_host_is_saved_with_its_queue_full(void **state)
{
    struct vmb_host_restored restored;
    struct hrig *rig = paused_new();

    (void)state;
    hrig_offer(rig, 1, 21, 0);
    hrig_poll(rig);
    assert_int_equal(vmb_host_revoke(rig->devices[1].channel), VMB_OK);
    rig->devices[1].channel = NULL;
    hrig_poll(rig);
    (void)flood(rig, VMB_MSG_CLOSE_CHANNEL, 12);
    restored = skit_pass_on(rig);
    assert_int_equal(restored.messages_in, limits.message_limit - 2);
    hrig_expect_nothing(rig);
    assert_int_equal(resume(rig), VMB_OK);
    hrig_poll(rig);
    rig->posted_read = rig->posted_count; /* What was held. */
    expect_going_on(rig);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resume_gets_in_after_a_poll_whatever_fills_the_queue),
        cmocka_unit_test(resume_at_the_end_of_a_full_queue_is_reached),
        cmocka_unit_test(what_was_held_comes_in_order_after_both_queues_were_full),
        cmocka_unit_test(pauses_whose_answers_nobody_reads),
        cmocka_unit_test(unload_and_contact_need_no_poll),
        cmocka_unit_test(a_paused_host_is_saved_with_its_queue_full),
    };

    return cmocka_run_group_tests_name("host pause", tests, NULL, NULL);
}
