/* SPDX-License-Identifier: MIT */
/*
 * What is refused, and that nothing remains of it: damaged, cut short, newer or made-up bytes,
 * devices that are not those that were saved, limits that are too small, and callbacks that fail at
 * every single step. After each refusal the same host takes the right bytes.
 */
#include "save_kit.h"

/* A bus with a little of everything; the guest's messages are read. */
static struct hrig *busy_bus(uint32_t version)
{
    struct hrig *rig = hrig_new(NULL);

    hrig_with_open(rig, version, 0);
    hrig_run(rig);
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN + 30, 40);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_offer(rig, 1, 2, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_gpadl(rig, 2, 102, HRIG_FIRST_GPN + 100, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 2, 102, 3);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    rig->slots_free = 0;
    if (version >= VMB_VERSION_4_1) {
        hrig_modify(rig, 1, 2);
    }
    assert_int_equal(vmb_host_on_message(rig->host, rig->guest_connection, "12345678", 8), VMB_OK);
    rig->slots_free = UINT32_MAX;
    return rig;
}

static void fresh_busy_host(struct hrig *rig)
{
    skit_die(rig);
    hrig_offer(rig, 1, 2, 0);
}

static vmb_status try_restore(struct hrig *rig, const struct skit_bytes *saved, size_t byte_count)
{
    return vmb_host_restore(rig->host, saved->bytes, byte_count, NULL, NULL);
}

/* Whatever came before, the right bytes do. */
static void end_well(struct hrig *rig, struct skit_bytes saved)
{
    skit_assert_fresh(rig);
    assert_int_equal(skit_restore(rig, saved).open, 2);
    hrig_run(rig);
    assert_true(rig->devices[0].runs > 0 && rig->devices[1].runs > 0);
    hrig_free(rig);
}

static void every_byte_that_is_changed(void **state)
{
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    fresh_busy_host(rig);
    for (size_t i = 0; i < saved.byte_count; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            vmb_status status;

            saved.bytes[i] ^= (uint8_t)(1u << bit);
            status = try_restore(rig, &saved, saved.byte_count);
            saved.bytes[i] ^= (uint8_t)(1u << bit);
            assert_true(status == VMB_ERR_MALFORMED || status == VMB_ERR_VERSION);
        }
    }
    end_well(rig, saved);
}

static void every_truncation(void **state)
{
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    fresh_busy_host(rig);
    for (size_t byte_count = 0; byte_count < saved.byte_count; byte_count++) {
        /* In memory of just that size, so that a sanitizer sees a step too far. */
        uint8_t *copy = malloc(byte_count + 1);
        struct skit_bytes cut = {copy, byte_count};

        memcpy(copy, saved.bytes, byte_count);
        assert_int_equal(try_restore(rig, &cut, byte_count), VMB_ERR_MALFORMED);
        free(copy);
    }
    assert_int_equal(vmb_host_restore(rig->host, NULL, 0, NULL, NULL), VMB_ERR_MALFORMED);
    end_well(rig, saved);
}

/* A length that was adjusted with the checksum: still no record may end beyond the end. */
static void every_truncation_that_is_sealed(void **state)
{
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    fresh_busy_host(rig);
    for (size_t byte_count = 32; byte_count < saved.byte_count; byte_count++) {
        struct skit_bytes cut = {malloc(byte_count), byte_count};

        memcpy(cut.bytes, saved.bytes, byte_count);
        for (uint32_t i = 0; i < 8; i++) {
            cut.bytes[16 + i] = (uint8_t)((uint64_t)byte_count >> 8 * i);
        }
        skit_seal(&cut);
        assert_int_equal(try_restore(rig, &cut, byte_count), VMB_ERR_MALFORMED);
        free(cut.bytes);
    }
    end_well(rig, saved);
}

/* The host still holds what every host holds: poll it, run it, let the guest talk, let it go. */
static void live_on(struct hrig *rig)
{
    struct vmb_message message = {.number = VMB_MSG_REQUEST_OFFERS};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t count, i;

    hrig_poll(rig);
    hrig_run(rig);
    for (i = 0; i < 3; i++) {
        (void)!vmb_host_on_signal(rig->host, SKIT_OWN + i, 0);
    }
    hrig_run(rig);
    assert_int_equal(vmb_message_encode(&message, VMB_VERSION_5_3, 0, bytes, sizeof(bytes), &count),
                     VMB_OK);
    (void)!vmb_host_on_message(rig->host, VMB_CONNECTION_MULTICLIENT, bytes, count);
    hrig_poll(rig);
    vmb_host_reset(rig->host);
    for (i = 0; i < 2; i++) {
        (void)!vmb_host_close_done(rig->devices[i].channel);
    }
    hrig_poll(rig);
    skit_assert_let_go(rig);
}

static void what_somebody_made_up(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x07, 0x0A, 0x7F, 0x80, 0xFF};
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);
    uint32_t taken = 0;

    (void)state;
    fresh_busy_host(rig);
    rig->lenient = true; /* Queued answers that are none go to the guest as they are. */
    for (size_t i = 16; i < saved.byte_count; i++) {
        uint8_t right = saved.bytes[i];

        for (size_t v = 0; v < sizeof(values); v++) {
            saved.bytes[i] = values[v];
            skit_seal(&saved);
            if (try_restore(rig, &saved, saved.byte_count) == VMB_OK) {
                taken++;
                rig->posted_count = 0;
                rig->posted_read = 0;
                live_on(rig);
                fresh_busy_host(rig);
            }
        }
        saved.bytes[i] = right;
    }
    assert_true(taken > 0); /* Counters and the like. */
    rig->lenient = false;
    rig->posted_count = 0;
    rig->posted_read = 0;
    skit_seal(&saved);
    end_well(rig, saved);
}

static void a_newer_format(void **state)
{
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);
    struct vmb_host_saved_info info;

    (void)state;
    assert_int_equal(vmb_host_saved_check(saved.bytes, saved.byte_count, &info), VMB_OK);
    assert_int_equal(info.format, 1);
    assert_int_equal(info.bus_version, VMB_VERSION_5_3);
    assert_int_equal(info.channel_count, 2);
    fresh_busy_host(rig);
    saved.bytes[8]++;
    skit_seal(&saved);
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_VERSION);
    assert_int_equal(vmb_host_saved_check(saved.bytes, saved.byte_count, &info), VMB_ERR_VERSION);
    saved.bytes[8] = 0; /* There was never such a one. */
    skit_seal(&saved);
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_MALFORMED);
    saved.bytes[8] = 1;
    skit_seal(&saved);
    end_well(rig, saved);
}

/* ---- Other devices, other limits ------------------------------------------------------------- */

static void devices_that_are_not_the_same(void **state)
{
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);
    struct vmb_host_hooks hooks = hrig_hooks;
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = &hrig_driver,
                                             .device = &rig->devices[1],
                                             .hooks = &hooks,
                                             .instance_id = {{2}},
                                             .flags = VMB_OFFER_PIPE};

    (void)state;
    skit_die(rig); /* One is missing. */
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_MISMATCH);
    skit_assert_fresh(rig);
    assert_int_equal(rig->devices[0].restored, rig->devices[0].closed);
    skit_die(rig); /* One looks different. */
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_OK);
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_MISMATCH);
    skit_assert_fresh(rig);
    skit_die(rig); /* One cannot read what it wrote. */
    hooks.restore = NULL;
    options.flags = 0;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_OK);
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_MISMATCH);
    skit_assert_fresh(rig);
    fresh_busy_host(rig);
    end_well(rig, saved);
}

static void limits_and_versions_that_are_too_low(void **state)
{
    static const struct {
        uint32_t channel_limit, gpadl_limit, gpadl_page_limit, vp_count, max_version, min_version;
        vmb_status status;
    } hosts[] = {
        {1, 0, 0, 8, 0, 0, VMB_ERR_LIMIT},
        {0, 2, 0, 8, 0, 0, VMB_ERR_LIMIT},
        {0, 0, 50, 8, 0, 0, VMB_ERR_LIMIT},
        {0, 0, 0, 2, 0, 0, VMB_ERR_LIMIT},
        {0, 0, 0, 8, VMB_VERSION_5_2, 0, VMB_ERR_MISMATCH},
        {0, 0, 0, 8, 0, VMB_VERSION_6_0, VMB_ERR_MISMATCH},
    };
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                           .channel_limit = hosts[i].channel_limit,
                                           .gpadl_limit = hosts[i].gpadl_limit,
                                           .gpadl_page_limit = hosts[i].gpadl_page_limit,
                                           .vp_count = hosts[i].vp_count,
                                           .max_version = hosts[i].max_version,
                                           .min_version = hosts[i].min_version};

        hrig_restart(rig, &options);
        hrig_offer(rig, 0, 1, 0);
        if (hosts[i].channel_limit != 1) {
            hrig_offer(rig, 1, 2, 0);
        }
        assert_int_equal(try_restore(rig, &saved, saved.byte_count), hosts[i].status);
        skit_assert_fresh(rig);
    }
    fresh_busy_host(rig);
    end_well(rig, saved);
}

static void queues_that_are_too_small(void **state)
{
    struct vmb_host_options options = {
        .struct_bytes = sizeof(options), .vp_count = 8, .message_limit = 8};
    struct hrig *rig = hrig_new(NULL);
    struct skit_bytes saved;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    rig->slots_free = 0;
    for (uint32_t i = 0; i < 9; i++) {
        hrig_gpadl(rig, 1, 200 + i, HRIG_FIRST_GPN + 30, 1);
    }
    saved = skit_save(rig);
    hrig_restart(rig, &options);
    hrig_offer(rig, 0, 1, 0);
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_LIMIT);
    skit_assert_fresh(rig);
    skit_die(rig);
    rig->slots_free = UINT32_MAX;
    skit_restore(rig, saved);
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.gpadl, 200 + i);
    }
    hrig_free(rig);
}

/* ---- Callbacks that fail --------------------------------------------------------------------- */

static void callbacks_that_fail_at_each_step(void **state)
{
    struct hrig *rig = busy_bus(VMB_VERSION_1_1); /* With an interrupt page. */
    struct skit_bytes saved = skit_save(rig);
    uint32_t maps;

    (void)state;
    fresh_busy_host(rig);
    for (maps = 0; maps < 4; maps++) { /* Page, two pairs of rings, a buffer. */
        rig->maps_before_refusal = maps;
        rig->maps_refused = 1;
        assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_NO_MEMORY);
        assert_int_equal(rig->maps_refused, 0);
        skit_assert_fresh(rig);
    }
    rig->doorbell_answer = VMB_ERR_PLATFORM;
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_PLATFORM);
    skit_assert_fresh(rig);
    rig->doorbell_answer = VMB_OK;
    rig->devices[1].restore_answer = VMB_ERR_MALFORMED;
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_MALFORMED);
    assert_int_equal(rig->devices[0].restored, 1); /* Before it, and has been told. */
    assert_int_equal(rig->devices[0].closed, 1);
    assert_int_equal(rig->devices[0].reason, VMB_ERR_GONE);
    assert_int_equal(rig->devices[1].closed, 0);
    skit_assert_fresh(rig);
    rig->devices[1].restore_answer = VMB_OK;
    end_well(rig, saved);
}

static void a_host_that_is_not_fresh(void **state)
{
    struct vmb_host_restore_options options = {.struct_bytes = 1};
    struct hrig *rig = busy_bus(VMB_VERSION_5_3);
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    assert_int_equal(try_restore(rig, &saved, saved.byte_count), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_host_channel_state(rig->devices[0].channel), VMB_HOST_CHANNEL_OPEN);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, &options, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    /* One that was reset is as good as new. */
    vmb_host_reset(rig->host);
    hrig_poll(rig);
    assert_int_equal(skit_restore(rig, saved).open, 2);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_that_is_changed),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_truncation_that_is_sealed),
        cmocka_unit_test(what_somebody_made_up),
        cmocka_unit_test(a_newer_format),
        cmocka_unit_test(devices_that_are_not_the_same),
        cmocka_unit_test(limits_and_versions_that_are_too_low),
        cmocka_unit_test(queues_that_are_too_small),
        cmocka_unit_test(callbacks_that_fail_at_each_step),
        cmocka_unit_test(a_host_that_is_not_fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
