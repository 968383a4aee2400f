/* SPDX-License-Identifier: MIT */
/*
 * The life of devices and of connections, host side, where several things happen at once:
 * sub-channels that come and go in any order, revoked devices that still have something to do, and
 * kernels that follow each other without a word.
 */
#include "host_rig.h"

#define RINGS 100u

/* ---- Revoked devices ------------------------------------------------------------------------- */

static void a_revoked_device_can_still_ask_for_the_control_plane(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);
    struct hrig_device *device = &rig->devices[0];

    (void)state;
    device->close_answer = VMB_ERR_BUSY;
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    hrig_poll(rig);
    hrig_expect_nothing(rig); /* The rescind follows the device's end. */
    vmb_host_request_control(channel);
    hrig_poll(rig);
    assert_int_equal(device->controls, 1);
    assert_int_equal(vmb_host_close_done(channel), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(device->released, 1);
    vmb_host_request_control(channel); /* Its slot is still the guest's. */
    hrig_poll(rig);
    assert_int_equal(device->controls, 1);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    hrig_free(rig);
}

/* ---- Sub-channels ---------------------------------------------------------------------------- */

enum {
    SUBS = 3
};

static struct vmb_host_channel *subs[SUBS + 1];

/* A primary channel, device 0, and three more, offered last one first; all open. */
static struct hrig *with_subchannels(void)
{
    struct hrig *rig = hrig_new(NULL);
    uint32_t i;

    subs[0] = hrig_with_open(rig, VMB_VERSION_5_3, 0);
    for (i = SUBS; i > 0; i--) {
        uint32_t relid = SUBS - i + 2;
        const struct vmb_msg_offer *offer;

        subs[i] = hrig_offer(rig, i, 1, (uint16_t)i);
        offer = &hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer;
        assert_int_equal(offer->subchannel_index, i);
        assert_int_equal(offer->relid, relid);
        hrig_gpadl(rig, relid, RINGS + i, HRIG_FIRST_GPN + 16 * i, HRIG_RING_PAGES);
        hrig_expect(rig, VMB_MSG_GPADL_CREATED);
        hrig_open(rig, relid, RINGS + i, i);
        assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    }
    return rig;
}

static void one_subchannel_leaves_and_comes_back(void **state)
{
    struct hrig *rig = with_subchannels();
    uint32_t relid = vmb_host_channel_relid(subs[2]);

    (void)state;
    assert_int_equal(vmb_host_revoke(subs[2]), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(rig->devices[2].closed, 1);
    assert_int_equal(rig->devices[2].reason, VMB_ERR_GONE);
    assert_int_equal(hrig_expect(rig, VMB_MSG_RESCIND_OFFER)->u.rescind.relid, relid);
    subs[2] = hrig_offer(rig, 2, 1, 2); /* At once, while the guest still has its relid. */
    hrig_expect_nothing(rig);
    hrig_gpadl_teardown(rig, relid, RINGS + 2);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_release(rig, relid);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, relid);
    assert_int_equal(rig->devices[0].closed + rig->devices[1].closed + rig->devices[3].closed, 0);
    hrig_free(rig);
}

static void all_leave(bool primary_first)
{
    struct hrig *rig = with_subchannels();
    struct vmb_host_counters counters;
    uint32_t i;

    for (i = 0; i <= SUBS; i++) {
        assert_int_equal(vmb_host_revoke(subs[primary_first ? i : SUBS - i]), VMB_OK);
    }
    hrig_poll(rig);
    for (i = 0; i <= SUBS; i++) { /* One rescind each, in the order of the offers. */
        hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
        assert_int_equal(rig->devices[i].closed, 1);
        assert_int_equal(rig->devices[i].released, 1);
    }
    hrig_expect_nothing(rig);
    for (i = 1; i <= SUBS + 1; i++) {
        hrig_release(rig, i); /* With it go the GPADLs that the guest forgot. */
    }
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.channels_in_use, 0);
    assert_int_equal(counters.gpadls_in_use, 0);
    assert_int_equal(counters.messages_unexpected, 0);
    hrig_free(rig);
}

static void all_leave_in_either_order(void **state)
{
    (void)state;
    all_leave(true);
    all_leave(false);
}

/* ---- Kernels --------------------------------------------------------------------------------- */

/* Whoever is there now has a bus on which everything works. */
static void all_is_well(struct hrig *rig, uint32_t version)
{
    hrig_connect(rig, version, 0);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 1);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_gpadl(rig, 1, RINGS, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    hrig_open(rig, 1, RINGS, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_run(rig);
    assert_true(rig->devices[0].runs > 0);
    hrig_expect_nothing(rig);
}

static void half_a_gpadl(struct hrig *rig)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};

    message.u.gpadl_header.relid = 1;
    message.u.gpadl_header.gpadl = 9;
    message.u.gpadl_header.range_count = 1;
    message.u.gpadl_header.range_data_bytes = 8 * 4;
    message.u.gpadl_header.range_words[0] = 3 * VMB_PAGE_BYTES;
    message.u.gpadl_header.range_words[1] = HRIG_FIRST_GPN + 40;
    message.u.gpadl_header.range_word_count = 2;
    hrig_post(rig, &message);
}

/* Firmware of an old version, then a kernel of a new one and back, each dying in the middle. */
static void kernels_follow_each_other_without_a_word(void **state)
{
    static const uint32_t versions[] = {VMB_VERSION_1_1,  VMB_VERSION_6_0, VMB_VERSION_2_4,
                                        VMB_VERSION_0_13, VMB_VERSION_5_3, VMB_VERSION_4_1};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;
    size_t i;

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        all_is_well(rig, versions[i]);
        half_a_gpadl(rig); /* The crash comes here: nobody says goodbye. */
        assert_int_equal(rig->devices[0].opened, i + 1);
        assert_int_equal(rig->devices[0].closed, i);
    }
    assert_int_equal(rig->disconnected_count, i - 1);
    assert_int_equal(rig->disconnect_reason, VMB_HOST_CONTACTED);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_unexpected, 0);
    assert_int_equal(counters.gpadls_in_use, 2); /* Of the last one only. */
    hrig_free(rig);
}

static void unload_with_everything_half_done(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_host_counters counters;

    (void)state;
    half_a_gpadl(rig);
    device->open_answer = VMB_ERR_BUSY;
    hrig_open(rig, 1, RINGS, 1);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect_nothing(rig); /* The device has been asked, and the rings are its own till then. */
    assert_int_equal(rig->mapped_pages, HRIG_RING_PAGES);
    assert_int_equal(vmb_host_open_done(channel, VMB_OK), VMB_ERR_GONE);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE); /* And nothing before it. */
    hrig_expect_nothing(rig);
    assert_int_equal(rig->mapped_pages, 0);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.gpadls_in_use, 0);
    device->open_answer = VMB_OK;
    all_is_well(rig, VMB_VERSION_4_0);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revoked_device_can_still_ask_for_the_control_plane),
        cmocka_unit_test(one_subchannel_leaves_and_comes_back),
        cmocka_unit_test(all_leave_in_either_order),
        cmocka_unit_test(kernels_follow_each_other_without_a_word),
        cmocka_unit_test(unload_with_everything_half_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
