/* SPDX-License-Identifier: MIT */
/* GPADLs: data in pieces, every check on it, limits, and memory that stays while somebody looks. */
#include "host_rig.h"

#define MAX_PAGES 8190u

static uint32_t words_in_use(const struct hrig *rig)
{
    struct vmb_host_counters counters;

    vmb_host_read_counters(rig->host, &counters);
    return counters.gpadl_words_in_use;
}

static void expect_created(struct hrig *rig, uint32_t relid, uint32_t handle, bool good)
{
    const struct vmb_msg_gpadl_created *created =
        &hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created;

    assert_int_equal(created->relid, relid);
    assert_int_equal(created->gpadl, handle);
    assert_int_equal(created->status == 0, good);
}

static void post_header(struct hrig *rig, uint32_t handle, uint32_t data_bytes,
                        uint32_t range_count, const uint64_t *words, uint32_t word_count)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_msg_gpadl_header *header = &message.u.gpadl_header;

    header->relid = 1;
    header->gpadl = handle;
    header->range_data_bytes = (uint16_t)data_bytes;
    header->range_count = (uint16_t)range_count;
    header->range_word_count = word_count;
    if (word_count > 0) {
        memcpy(header->range_words, words, word_count * sizeof(*words));
    }
    hrig_post(rig, &message);
}

static void post_body(struct hrig *rig, uint32_t handle, const uint64_t *words, uint32_t count)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_BODY};

    message.u.gpadl_body.gpadl = handle;
    message.u.gpadl_body.range_word_count = count;
    memcpy(message.u.gpadl_body.range_words, words, count * sizeof(*words));
    hrig_post(rig, &message);
}

static void any_size_up_to_the_limit_of_the_message(void **state)
{
    static const uint32_t sizes[] = {1, 2, 25, 26, 27, 53, 54, 55, 82, 83, 400};
    struct hrig *rig = hrig_new(NULL);
    uint32_t total = 0;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct vmb_host_gpadl *gpadl;
        struct vmb_host_gpadl_range range;

        hrig_gpadl(rig, 1, i, HRIG_FIRST_GPN + i, sizes[i]);
        expect_created(rig, 1, i, true);
        total += sizes[i];
        assert_int_equal(rig->mapped_pages, HRIG_RING_PAGES + total);
        assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, i, &gpadl), VMB_OK);
        assert_int_equal(vmb_host_gpadl_range(gpadl, 0, &range), VMB_OK);
        assert_int_equal(range.byte_count, sizes[i] * VMB_PAGE_BYTES);
        assert_ptr_equal(range.base, hrig_page(rig, i));
        assert_int_equal(vmb_host_gpadl_range(gpadl, 1, &range), VMB_ERR_INVALID_ARGUMENT);
        vmb_host_gpadl_put(gpadl);
    }
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void the_largest_one(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    uint64_t words[VMB_GPADL_BODY_WORDS];
    uint32_t done, i;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    words[0] = (uint64_t)MAX_PAGES * VMB_PAGE_BYTES;
    for (i = 1; i < VMB_GPADL_HEADER_WORDS; i++) {
        words[i] = HRIG_FIRST_GPN + i % 7;
    }
    post_header(rig, 5, 8 * (MAX_PAGES + 1), 1, words, VMB_GPADL_HEADER_WORDS);
    for (i = 0; i < VMB_GPADL_BODY_WORDS; i++) {
        words[i] = HRIG_FIRST_GPN + i % 7;
    }
    for (done = VMB_GPADL_HEADER_PAGES; done < MAX_PAGES; done += VMB_GPADL_BODY_WORDS) {
        hrig_expect_nothing(rig);
        post_body(rig, 5, words, VMB_GPADL_BODY_WORDS); /* The last one says too much. */
    }
    expect_created(rig, 1, 5, true);
    assert_int_equal(words_in_use(rig), MAX_PAGES + 1 + HRIG_RING_PAGES + 1);
    hrig_free(rig);
}

static void messages_longer_than_their_data(void **state)
{
    /* As firmware posts them: always 240 bytes, the rest being rubbish. */
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    memset(bytes, 0xAB, sizeof(bytes));
    memset(bytes, 0, 16);
    bytes[0] = VMB_MSG_GPADL_HEADER;
    bytes[8] = 1;
    bytes[12] = 7;
    memcpy(bytes + 16, "\x10\x00\x01\x00", 4);                 /* 16 bytes, one range. */
    memcpy(bytes + 20, "\x00\x10\x00\x00\x00\x00\x00\x00", 8); /* A page. */
    memcpy(bytes + 28, "\x05\x01\x00\x00\x00\x00\x00\x00", 8);
    hrig_post_bytes(rig, 1, bytes, sizeof(bytes));
    expect_created(rig, 1, 7, true);
    hrig_free(rig);
}

static void bodies_of_several_may_interleave(void **state)
{
    const uint64_t range = 3 * VMB_PAGE_BYTES;
    const uint64_t pages[] = {HRIG_FIRST_GPN + 9, HRIG_FIRST_GPN + 8, HRIG_FIRST_GPN + 7};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_gpadl *gpadl;
    struct vmb_host_gpadl_range seen;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    hrig_page(rig, 8)[0] = 0x88;
    post_header(rig, 1, 32, 1, &range, 1);
    post_header(rig, 2, 32, 1, NULL, 0); /* Even the range may come in a body. */
    post_body(rig, 1, pages, 1);
    post_body(rig, 2, &range, 1);
    post_body(rig, 2, pages, 2);
    post_body(rig, 1, pages + 1, 1);
    hrig_expect_nothing(rig);
    post_body(rig, 1, pages + 2, 1);
    expect_created(rig, 1, 1, true);
    post_body(rig, 2, pages + 2, 1);
    expect_created(rig, 1, 2, true);
    /* Scattered pages are one piece for the device, in the guest's order. */
    assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, 2, &gpadl), VMB_OK);
    assert_int_equal(vmb_host_gpadl_range(gpadl, 0, &seen), VMB_OK);
    assert_int_equal(seen.base[VMB_PAGE_BYTES], 0x88);
    vmb_host_gpadl_put(gpadl);
    /* Complete, it takes no more. */
    post_body(rig, 1, pages, 1);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void several_ranges(void **state)
{
    const uint64_t words[] = {(uint64_t)100 << 32 | 50, HRIG_FIRST_GPN + 1,
                              (uint64_t)4095 << 32 | 2, HRIG_FIRST_GPN + 2,
                              HRIG_FIRST_GPN + 3,       (uint64_t)7 << 32 | 9,
                              HRIG_FIRST_GPN + 4};
    static const uint32_t offsets[] = {100, VMB_PAGE_BYTES + 4095, 3 * VMB_PAGE_BYTES + 7};
    static const uint32_t counts[] = {50, 2, 9};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_gpadl *gpadl;
    struct vmb_host_gpadl_range range;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    post_header(rig, 3, sizeof(words), 3, words, 7);
    expect_created(rig, 1, 3, true);
    assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, 3, &gpadl), VMB_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(vmb_host_gpadl_range(gpadl, i, &range), VMB_OK);
        assert_ptr_equal(range.base, hrig_page(rig, 1) + offsets[i]);
        assert_int_equal(range.byte_count, counts[i]);
    }
    assert_int_equal(vmb_host_gpadl_range(gpadl, 3, &range), VMB_ERR_INVALID_ARGUMENT);
    vmb_host_gpadl_put(gpadl);
    hrig_free(rig);
}

static void data_that_makes_no_sense(void **state)
{
    static const struct {
        uint32_t data_bytes, range_count, word_count;
        uint64_t words[4];
    } bad[] = {
        {16, 0, 2, {4096, 0x100}},                     /* No range. */
        {0, 1, 0, {0}},                                /* No data. */
        {8, 1, 1, {4096}},                             /* No page. */
        {12, 1, 1, {4096}},                            /* Not a multiple of 8. */
        {16, 1, 2, {0, 0x100}},                        /* No bytes. */
        {16, 1, 2, {(uint64_t)4096 << 32 | 1, 0x100}}, /* An offset of a page. */
        {24, 1, 3, {4096, 0x100, 0x101}},              /* A page too many: a second range. */
        {16, 1, 2, {4097, 0x100}},                     /* A page too few. */
        {16, 1, 2, {UINT32_MAX, 0x100}},               /* Many too few. */
        {16, 1, 2, {(uint64_t)4095 << 32 | UINT32_MAX, 0x100}}, /* The sum wraps. */
        {32, 2, 4, {4096, 0x100, 0, 0x101}},                    /* The second range is empty. */
        {32, 2, 4, {8192, 0x100, 0x101, 4096}},                 /* No page for the second range. */
        {32, 3, 4, {4096, 0x100, 4096, 0x101}},                 /* Three ranges in four words. */
        {16, 1, 2, {4096, (uint64_t)1 << 52}},                  /* No machine has that page. */
        {16, 1, 2, {4096, 0x99999}},                            /* This one has not. */
        {65528, 8000, 1, {4096}},                               /* Ranges without pages. */
    };
    struct hrig *rig = hrig_new(NULL);
    uint32_t before;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    before = words_in_use(rig);
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
        uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
        uint32_t count;

        message.u.gpadl_header.relid = 1;
        message.u.gpadl_header.gpadl = 1000 + i;
        message.u.gpadl_header.range_word_count = bad[i].word_count;
        memcpy(message.u.gpadl_header.range_words, bad[i].words, sizeof(bad[i].words));
        message.u.gpadl_header.range_data_bytes = 65528;
        assert_int_equal(
            vmb_message_encode(&message, rig->version, 0, bytes, sizeof(bytes), &count), VMB_OK);
        bytes[16] = (uint8_t)bad[i].data_bytes;
        bytes[17] = (uint8_t)(bad[i].data_bytes >> 8);
        bytes[18] = (uint8_t)bad[i].range_count;
        bytes[19] = (uint8_t)(bad[i].range_count >> 8);
        hrig_post_bytes(rig, rig->guest_connection, bytes, count);
        expect_created(rig, 1, 1000 + i, false);
        hrig_expect_nothing(rig);
        assert_int_equal(words_in_use(rig), before);
    }
    assert_int_equal(rig->devices[0].gpadls_created, 1);
    hrig_free(rig);
}

static void handles_are_unique_where_they_must_be(void **state)
{
    const uint64_t words[] = {2 * VMB_PAGE_BYTES, HRIG_FIRST_GPN, HRIG_FIRST_GPN + 1};
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    hrig_offer(rig, 1, 2, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_gpadl(rig, 1, 100, HRIG_FIRST_GPN, 1); /* This channel has one. */
    expect_created(rig, 1, 100, false);
    hrig_gpadl(rig, 2, 100, HRIG_FIRST_GPN, 1); /* That one has not. */
    expect_created(rig, 2, 100, true);
    post_header(rig, 7, sizeof(words), 1, words, 1); /* In progress: on no channel a second time. */
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN, 1);
    expect_created(rig, 1, 7, false);
    hrig_gpadl(rig, 2, 7, HRIG_FIRST_GPN, 1);
    expect_created(rig, 2, 7, false);
    hrig_gpadl_teardown(rig, 1, 7); /* And no teardown. */
    hrig_gpadl_teardown(rig, 2, 99);
    hrig_expect_nothing(rig);
    post_body(rig, 7, words + 1, 2);
    expect_created(rig, 1, 7, true);
    hrig_gpadl(rig, 9, 8, HRIG_FIRST_GPN, 1); /* No such channel. */
    expect_created(rig, 9, 8, false);
    hrig_free(rig);
}

static void a_device_may_refuse_memory_and_so_may_the_platform(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    rig->devices[0].gpadl_answer = VMB_ERR_LIMIT;
    hrig_gpadl(rig, 1, 5, HRIG_FIRST_GPN, 1);
    expect_created(rig, 1, 5, false);
    rig->devices[0].gpadl_answer = VMB_OK;
    rig->maps_refused = 1;
    hrig_gpadl(rig, 1, 5, HRIG_FIRST_GPN, 1);
    expect_created(rig, 1, 5, false);
    hrig_gpadl(rig, 1, 5, HRIG_FIRST_GPN, 1);
    expect_created(rig, 1, 5, true);
    assert_int_equal(rig->mapped_pages, HRIG_RING_PAGES + 1);
    hrig_free(rig);
}

static void memory_stays_as_long_as_it_is_held(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_host_gpadl *gpadl, *again;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_gpadl(rig, 1, 5, HRIG_FIRST_GPN + 20, 2);
    expect_created(rig, 1, 5, true);
    assert_int_equal(vmb_host_gpadl_get(device->channel, 6, &gpadl), VMB_ERR_REFUSED);
    assert_int_equal(vmb_host_gpadl_get(device->channel, 5, &gpadl), VMB_OK);
    assert_int_equal(vmb_host_gpadl_get(device->channel, 5, &again), VMB_OK);
    hrig_gpadl_teardown(rig, 1, 5);
    assert_int_equal(device->gpadls_torn_down, 1);
    hrig_gpadl_teardown(rig, 1, 5); /* Twice: an error, no reply. */
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_gpadl_get(device->channel, 5, &again), VMB_ERR_REFUSED);
    vmb_host_gpadl_put(gpadl);
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->mapped_pages, HRIG_RING_PAGES + 2);
    vmb_host_gpadl_put(again);
    assert_int_equal(rig->mapped_pages, HRIG_RING_PAGES + 2); /* Not in the holder's thread. */
    hrig_poll(rig);
    assert_int_equal(rig->mapped_pages, HRIG_RING_PAGES);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN)->u.gpadl_torndown.gpadl, 5);
    /* The rings are held by the open channel, whatever the guest says. */
    hrig_gpadl_teardown(rig, 1, 100);
    hrig_expect_nothing(rig);
    hrig_close(rig, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN)->u.gpadl_torndown.gpadl, 100);
    assert_int_equal(rig->mapped_pages, 0);
    hrig_free(rig);
}

static void a_revoked_channel_collects_and_tears_down(void **state)
{
    const uint64_t words[] = {2 * VMB_PAGE_BYTES, HRIG_FIRST_GPN, HRIG_FIRST_GPN + 1};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_gpadl *gpadl;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    hrig_gpadl(rig, 1, 5, HRIG_FIRST_GPN + 20, 2);
    expect_created(rig, 1, 5, true);
    post_header(rig, 6, sizeof(words), 1, words, 1);
    assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, 5, &gpadl), VMB_OK);
    hrig_gpadl_teardown(rig, 1, 5);
    vmb_host_gpadl_put(gpadl);
    assert_int_equal(vmb_host_revoke(rig->devices[0].channel), VMB_OK);
    hrig_poll(rig);
    /* What was owed comes before the rescind. */
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    /* What was incomplete may still be completed; nobody will use it. */
    post_body(rig, 6, words + 1, 2);
    expect_created(rig, 1, 6, true);
    assert_int_equal(rig->mapped_pages, HRIG_RING_PAGES);
    hrig_gpadl_teardown(rig, 1, 6);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_release(rig, 1); /* With the ring's GPADL still there. */
    hrig_expect_nothing(rig);
    hrig_poll(rig);
    assert_int_equal(rig->mapped_pages, 0);
    rig->devices[0].channel = NULL;
    hrig_free(rig);
}

static void the_quota_is_a_sum_and_nothing_else(void **state)
{
    struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                       .channel_limit = 2,
                                       .gpadl_limit = 8,
                                       .gpadl_page_limit = 100,
                                       .message_limit = 64};
    struct hrig *rig = hrig_new(&options);
    struct vmb_host_gpadl *gpadl;
    struct vmb_host_gpadl_range range;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0); /* 9 words. */
    hrig_gpadl(rig, 1, 1, HRIG_FIRST_GPN, 29);
    hrig_gpadl(rig, 1, 2, HRIG_FIRST_GPN + 50, 29);
    hrig_gpadl(rig, 1, 3, HRIG_FIRST_GPN + 80, 29); /* 99. */
    expect_created(rig, 1, 1, true);
    expect_created(rig, 1, 2, true);
    expect_created(rig, 1, 3, true);
    hrig_gpadl(rig, 1, 4, HRIG_FIRST_GPN, 1);
    expect_created(rig, 1, 4, false);
    /* Two holes of 30 words make room for one of 59 pages; what moves keeps its content. */
    hrig_gpadl_teardown(rig, 1, 1);
    hrig_gpadl_teardown(rig, 1, 3);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_gpadl(rig, 1, 5, HRIG_FIRST_GPN + 90, 59);
    expect_created(rig, 1, 5, true);
    assert_int_equal(words_in_use(rig), 99);
    for (uint32_t handle = 2; handle <= 5; handle += 3) {
        assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, handle, &gpadl), VMB_OK);
        assert_int_equal(vmb_host_gpadl_range(gpadl, 0, &range), VMB_OK);
        assert_ptr_equal(range.base, hrig_page(rig, handle == 2 ? 50 : 90));
        vmb_host_gpadl_put(gpadl);
    }
    hrig_free(rig);
}

static void there_are_only_so_many(void **state)
{
    struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                       .channel_limit = 1,
                                       .gpadl_limit = 3,
                                       .gpadl_page_limit = 100,
                                       .message_limit = 64};
    struct hrig *rig = hrig_new(&options);
    const uint64_t range = VMB_PAGE_BYTES;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    post_header(rig, 1, 16, 1, &range, 1); /* Begun and never ended. */
    post_header(rig, 2, 16, 1, &range, 1);
    post_header(rig, 3, 16, 1, &range, 1);
    expect_created(rig, 1, 3, false);
    hrig_release(rig, 1);
    assert_int_equal(words_in_use(rig), 0);
    hrig_free(rig);
}

/* Rubbish that is shaped like GPADL messages, so that it gets beyond the first check. */
static void rubbish_is_survived(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    uint32_t seed = 12345;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    for (uint32_t round = 0; round < 5000; round++) {
        uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
        uint32_t count, i;

        for (i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (uint8_t)(seed >> 24);
        }
        count = 8 + bytes[200] % 233u;
        memset(bytes, 0, 12);
        bytes[0] = (uint8_t)(VMB_MSG_GPADL_HEADER + bytes[201] % 4u); /* Not RelIdReleased. */
        bytes[0] = bytes[0] == VMB_MSG_GPADL_CREATED ? VMB_MSG_GPADL_TEARDOWN : bytes[0];
        bytes[8] = 1;
        memset(bytes + 13, 0, 3); /* Few handles, so that they meet. */
        bytes[12] %= 8;
        if (bytes[0] == VMB_MSG_GPADL_HEADER && bytes[202] < 200) {
            bytes[17] %= 4; /* Sizes and pages that may be good. */
            bytes[16] &= 0xF8;
            memcpy(bytes + 18, "\1\0", 2);
            memset(bytes + 20, 0, 8);
            bytes[21] = (uint8_t)((bytes[16] / 8u - 1) << 4);
        }
        for (i = bytes[0] == VMB_MSG_GPADL_HEADER ? 28 : 16; i + 8 <= sizeof(bytes); i += 8) {
            if (bytes[i] < 250) {
                memset(bytes + i + 1, 0, 7);
                bytes[i + 1] = 1;
            }
        }
        assert_int_equal(vmb_host_on_message(rig->host, rig->guest_connection, bytes, count),
                         VMB_OK);
        hrig_poll(rig);
        rig->posted_read = rig->posted_count = 0;
    }
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_size_up_to_the_limit_of_the_message),
        cmocka_unit_test(the_largest_one),
        cmocka_unit_test(messages_longer_than_their_data),
        cmocka_unit_test(bodies_of_several_may_interleave),
        cmocka_unit_test(several_ranges),
        cmocka_unit_test(data_that_makes_no_sense),
        cmocka_unit_test(handles_are_unique_where_they_must_be),
        cmocka_unit_test(a_device_may_refuse_memory_and_so_may_the_platform),
        cmocka_unit_test(memory_stays_as_long_as_it_is_held),
        cmocka_unit_test(a_revoked_channel_collects_and_tears_down),
        cmocka_unit_test(the_quota_is_a_sum_and_nothing_else),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(rubbish_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
