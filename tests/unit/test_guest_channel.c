/* SPDX-License-Identifier: MIT */
/* The life of a channel in its guest: offer, open, close, rescind at every step, release. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* ---- Offers ----------------------------------------------------------------------------------
 */

static void an_offered_channel_is_found_by_its_relid(void **state)
{
    (void)state;
    rig_offer(&rig, 2047);
    assert_ptr_equal(vmb_guest_relid2channel(rig.guest, 2047), rig.offered[4]);
    assert_null(vmb_guest_relid2channel(rig.guest, 2046));
    assert_null(vmb_guest_relid2channel(rig.guest, 2048));
    assert_null(vmb_guest_relid2channel(rig.guest, 0xFFFFFFFFu));
    assert_int_equal(vmb_channel_state(rig.offered[4]), VMB_CHANNEL_OFFERED);
}

static void offers_that_cannot_be_are_refused_where_they_enter(void **state)
{
    const uint32_t relids[] = {0, 2048, 2049, 0x10000, 0xFFFFFFFFu};
    struct vmb_guest_counters counters;
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(relids) / sizeof(relids[0]); index++) {
        rig_offer(&rig, relids[index]);
    }
    rig_offer(&rig, 3); /* In use. */
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.offers_refused, 6);
    assert_int_equal(rig.offered_count, 4);
    rig_no_more(&rig); /* And nothing is released that the host did not offer. */
}

static void channels_are_walked_in_relid_order(void **state)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;
    uint32_t last = 0;
    uint32_t count = 0;

    (void)state;
    rig_offer(&rig, 900);
    rig_offer(&rig, 33);
    while ((channel = vmb_guest_next_channel(rig.guest, &cursor)) != NULL) {
        assert_true(vmb_channel_relid(channel) > last);
        last = vmb_channel_relid(channel);
        count++;
    }
    assert_int_equal(count, 6);
}

static void a_sub_channel_knows_its_primary_and_one_without_is_given_back(void **state)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    (void)state;
    offer.u.offer = *vmb_channel_offer(rig.offered[1]);
    offer.u.offer.relid = 77;
    offer.u.offer.subchannel_index = 1;
    rig_say(&rig, &offer);
    assert_ptr_equal(vmb_channel_primary(rig.offered[4]), rig.offered[1]);
    offer.u.offer.relid = 78;
    offer.u.offer.instance_guid.bytes[9] ^= 1;
    rig_say(&rig, &offer);
    assert_int_equal(rig.offered_count, 5);
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, 78);
}

/* ---- Open and close --------------------------------------------------------------------------
 */

static void open_shares_the_rings_then_asks_then_starts_the_driver(void **state)
{
    const struct vmb_message *message;
    struct vmb_channel *channel = rig.offered[1];

    (void)state;
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DIRECT), VMB_OK);
    message = rig_next(&rig, VMB_MSG_GPADL_HEADER);
    assert_int_equal(message->u.gpadl_header.relid, 2);
    assert_int_equal(message->u.gpadl_header.range_count, 1);
    assert_int_equal(message->u.gpadl_header.range_data_bytes, 8 * 11);
    assert_int_equal(message->u.gpadl_header.range_words[0], 10 * VMB_PAGE_BYTES);
    assert_int_equal(message->u.gpadl_header.range_words[1], rig.last_pages.first_gpn);
    assert_int_equal(message->u.gpadl_header.range_words[10], rig.last_pages.first_gpn + 9);
    rig_no_more(&rig); /* Not before the host has accepted the memory. */
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OPENING);
    rig.posted_read--;
    (void)rig_answer_gpadl(&rig, 0);
    message = rig_next(&rig, VMB_MSG_OPEN_CHANNEL);
    assert_int_equal(message->u.open_channel.relid, 2);
    assert_int_equal(message->u.open_channel.target_vp, 0);
    assert_int_equal(message->u.open_channel.downstream_page_offset, 5);
    assert_int_equal(rig.opened_count, 0);
    rig.posted_read--;
    rig_answer_open(&rig, 0);
    assert_int_equal(rig.opened_count, 1);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_OK);
    assert_ptr_equal(vmb_channel_endpoint(channel), rig.endpoint);
}

static void an_event_before_the_answer_starts_the_handler_after_it(void **state)
{
    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    (void)rig_next(&rig, VMB_MSG_OPEN_CHANNEL);
    (void)rig_event(&rig, 3, 2);
    assert_int_equal(rig.event_count, 0);
    rig.posted_read--;
    rig_answer_open(&rig, 0);
    assert_true(rig.event_count >= 1);
}

static void a_refused_open_gives_the_rings_back(void **state)
{
    struct vmb_channel *channel = rig.offered[0];

    (void)state;
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0xC0000001u);
    assert_int_equal(rig.done_count, 0); /* The host still has the memory. */
    rig_answer_teardown(&rig);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_REFUSED);
    assert_int_equal(vmb_channel_host_status(channel), 0xC0000001u);
    assert_int_equal(rig.shares_live, 1);
    assert_int_equal(rig.opened_count + rig.closed_count, 0);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OFFERED);
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT); /* It may be tried again. */
}

static void a_refused_gpadl_ends_the_open(void **state)
{
    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 1);
    assert_int_equal(rig.done_status, VMB_ERR_REFUSED);
    assert_int_equal(rig.shares_live, 1);
    rig_no_more(&rig);
}

static void an_open_is_answered_by_its_own_id_only(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_OPEN_RESULT};
    const struct vmb_message *open;

    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    open = rig_next(&rig, VMB_MSG_OPEN_CHANNEL);
    answer.u.open_result.relid = 1;
    answer.u.open_result.open_id = open->u.open_channel.open_id + 1;
    rig_say(&rig, &answer);
    assert_int_equal(rig.done_count, 0);
    answer.u.open_result.open_id = open->u.open_channel.open_id;
    answer.u.open_result.relid = 2; /* Somebody else's relid. */
    rig_say(&rig, &answer);
    assert_int_equal(rig.done_count, 0);
    answer.u.open_result.relid = 1;
    rig_say(&rig, &answer);
    assert_int_equal(rig.done_count, 1);
    rig_say(&rig, &answer); /* Twice: once counts. */
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.opened_count, 1);
}

static void an_open_that_is_not_answered_is_taken_back(void **state)
{
    struct vmb_channel *channel = rig.offered[0];

    (void)state;
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    (void)rig_next(&rig, VMB_MSG_OPEN_CHANNEL);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig_next(&rig, VMB_MSG_CLOSE_CHANNEL)->u.close_channel.relid, 1);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.done_status, VMB_ERR_TIMEOUT);
    assert_int_equal(rig.shares_live, 1);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OFFERED);
}

static void open_refuses_what_cannot_work(void **state)
{
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};
    struct vmb_channel *channel = rig.offered[0];

    (void)state;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_INVALID_ARGUMENT);
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.target_vp = RIG_VPS;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_INVALID_ARGUMENT);
    options.target_vp = 1;
    options.tx_pages = 8189;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_INVALID_ARGUMENT);
    options.tx_pages = 0;
    rig.share_fails_at = rig.shares_made + 1;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_NO_MEMORY);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OFFERED);
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_ERR_WRONG_STATE);
}

static void close_tells_the_driver_then_the_host_then_frees(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 3, VMB_NOTIFY_DEFERRED);

    (void)state;
    rig.done_count = 0;
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    assert_int_equal(rig_next(&rig, VMB_MSG_CLOSE_CHANNEL)->u.close_channel.relid, 3);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.closed_reason, VMB_OK);
    assert_int_equal(rig.shares_live, 2);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.shares_live, 1);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_OK);
    (void)rig_open(&rig, 3, VMB_NOTIFY_DIRECT);
}

static void rings_that_never_come_back_are_not_reused(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 3, VMB_NOTIFY_DEFERRED);
    struct vmb_guest_counters counters;

    (void)state;
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig.done_status, VMB_ERR_STILL_SHARED);
    assert_int_equal(rig.shares_live, 2);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.pages_leaked, 10);
    rig.posted_read = rig.posted_count;
    (void)rig_open(&rig, 3, VMB_NOTIFY_DEFERRED); /* With other pages. */
}

static void ring_memory_of_one_life_is_not_that_of_the_next(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    uint32_t first = rig.posted[rig.posted_count - 1].message.u.open_channel.ring_gpadl;

    (void)state;
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    assert_int_not_equal(first, rig.posted[rig.posted_count - 1].message.u.open_channel.ring_gpadl);
}

/* ---- Rescind ---------------------------------------------------------------------------------
 */

/* Nothing of the channel is left: one rescind told, one release sent, all memory back. */
static void expect_released(uint32_t relid)
{
    assert_int_equal(rig.rescinded_count, 1);
    assert_int_equal(vmb_channel_state(rig.rescinded), VMB_CHANNEL_RESCINDED);
    assert_int_equal(vmb_channel_let_go(rig.rescinded), VMB_OK);
    assert_null(vmb_guest_relid2channel(rig.guest, relid)); /* Unmapped before the release. */
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, relid);
    rig_no_more(&rig);
    assert_int_equal(rig.shares_live, 1);
    rig_offer(&rig, relid); /* The same number comes back at once. */
    assert_non_null(vmb_guest_relid2channel(rig.guest, relid));
}

static void rescind_of_an_offered_channel(void **state)
{
    (void)state;
    rig_rescind(&rig, 2);
    expect_released(2);
}

static void rescind_before_the_gpadl_is_answered(void **state)
{
    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_OK);
    rig_poll(&rig);
    rig_rescind(&rig, 2);
    assert_int_equal(rig.rescinded_count, 0); /* Something is under way. */
    (void)rig_answer_gpadl(&rig, 0);          /* Success after the rescind is legal. */
    rig_answer_teardown(&rig);
    assert_int_equal(rig.done_status, VMB_ERR_GONE);
    expect_released(2);
}

static void rescind_with_the_gpadl_refused_before_it(void **state)
{
    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 1);
    rig_rescind(&rig, 2);
    assert_int_equal(rig.done_count, 1);
    expect_released(2);
}

static void rescind_while_the_host_is_asked_to_open(void **state)
{
    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    (void)rig_next(&rig, VMB_MSG_OPEN_CHANNEL);
    rig_rescind(&rig, 2); /* There will be no result. */
    rig_answer_teardown(&rig);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_GONE);
    assert_int_equal(rig.opened_count + rig.closed_count, 0);
    expect_released(2);
}

static void rescind_of_an_open_channel(void **state)
{
    (void)state;
    (void)rig_open(&rig, 2, VMB_NOTIFY_DIRECT);
    rig_rescind(&rig, 2);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.closed_reason, VMB_ERR_GONE);
    rig.event_count = 0;
    (void)rig_event(&rig, 1, 2);
    assert_int_equal(rig.event_count, 0);
    rig_answer_teardown(&rig);
    expect_released(2);
}

static void rescind_while_closing(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 2, VMB_NOTIFY_DIRECT);

    (void)state;
    rig.done_count = 0;
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_rescind(&rig, 2);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_OK);
    assert_int_equal(rig.closed_count, 1);
    expect_released(2);
}

static void rescind_twice_is_told_once(void **state)
{
    (void)state;
    rig_rescind(&rig, 2);
    rig_rescind(&rig, 2);
    rig_rescind(&rig, 99); /* And of nothing at all. */
    expect_released(2);
}

static void letting_go_inside_the_callback_is_allowed(void **state)
{
    (void)state;
    rig.let_go_at_once = true;
    (void)rig_open(&rig, 4, VMB_NOTIFY_DEFERRED);
    rig_rescind(&rig, 4);
    rig_answer_teardown(&rig);
    (void)rig_next(&rig, VMB_MSG_RELID_RELEASED);
    rig_no_more(&rig);
    assert_null(vmb_guest_relid2channel(rig.guest, 4));
}

static void a_channel_is_let_go_once_and_only_after_its_rescind(void **state)
{
    (void)state;
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_ERR_WRONG_STATE);
    rig_rescind(&rig, 1);
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_OK);
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_ERR_WRONG_STATE);
}

static void slots_are_used_again_and_again(void **state)
{
    uint32_t round;

    (void)state;
    rig.let_go_at_once = true;
    for (round = 0; round < 5000; round++) {
        uint32_t relid = 5 + round % 40;

        rig_offer(&rig, relid);
        assert_non_null(vmb_guest_relid2channel(rig.guest, relid));
        rig_rescind(&rig, relid);
        assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, relid);
        rig.posted_count = rig.posted_read = 0;
    }
}

/* ---- GPADLs ----------------------------------------------------------------------------------
 */

struct told {
    uint32_t count;
    vmb_status status;
};

static void gpadl_told(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    struct told *told = context;

    (void)gpadl;
    told->count++;
    told->status = status;
}

/* Every message of a GPADL, put together again. Returns its words. */
static uint32_t collect_gpadl(uint64_t *words, uint32_t *out_handle)
{
    const struct vmb_message *message = rig_next(&rig, VMB_MSG_GPADL_HEADER);
    uint32_t total = message->u.gpadl_header.range_data_bytes / 8u;
    uint32_t have = message->u.gpadl_header.range_word_count;

    *out_handle = message->u.gpadl_header.gpadl;
    memcpy(words, message->u.gpadl_header.range_words, have * 8u);
    while (have < total) {
        message = rig_next(&rig, VMB_MSG_GPADL_BODY);
        assert_int_equal(message->u.gpadl_body.gpadl, *out_handle);
        memcpy(words + have, message->u.gpadl_body.range_words,
               message->u.gpadl_body.range_word_count * 8u);
        have += message->u.gpadl_body.range_word_count;
    }
    assert_int_equal(have, total);
    return total;
}

static void a_gpadl_of_any_size_arrives_whole(void **state)
{
    static const uint32_t sizes[] = {1,  25,  26,   27,   28,   53,   54,
                                     55, 500, 4095, 4096, 8100, 8189, 8190};
    static uint64_t words[9000];
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(sizes) / sizeof(sizes[0]); index++) {
        struct vmb_gpadl_range range = {.byte_count = sizes[index] * VMB_PAGE_BYTES,
                                        .first_gpn = 0x123450000u};
        struct told told = {0};
        struct vmb_gpadl gpadl;
        uint32_t handle;
        uint32_t page;

        rig.posted_count = rig.posted_read = 0;
        assert_int_equal(
            vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, gpadl_told, &told), VMB_OK);
        assert_int_equal(collect_gpadl(words, &handle), 1 + sizes[index]);
        assert_int_equal(words[0], sizes[index] * VMB_PAGE_BYTES);
        for (page = 0; page < sizes[index]; page++) {
            assert_int_equal(words[1 + page], 0x123450000u + page);
        }
        assert_int_equal(told.count, 0);
        rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_GPADL_CREATED,
                                            .u.gpadl_created = {.relid = 1, .gpadl = handle}});
        assert_int_equal(told.count, 1);
        assert_int_equal(gpadl.handle, handle);
        assert_int_equal(vmb_channel_gpadl_teardown(&gpadl, gpadl_told, &told), VMB_OK);
        rig_answer_teardown(&rig);
        assert_int_equal(told.count, 2);
        assert_int_equal(told.status, VMB_OK);
    }
}

static void a_gpadl_may_have_many_ranges_with_offsets(void **state)
{
    const vmb_gpn pages[] = {7, 1000, 3};
    const struct vmb_gpadl_range ranges[] = {
        {.byte_count = 100, .byte_offset = 4095, .pages = pages},       /* Two pages. */
        {.byte_count = 1, .byte_offset = 0, .first_gpn = 42},           /* One. */
        {.byte_count = 8193, .byte_offset = 1, .pages = pages},         /* Three. */
        {.byte_count = 40 * VMB_PAGE_BYTES, .first_gpn = 0x800000000u}, /* Over a body's edge. */
    };
    uint64_t words[64];
    struct told told = {0};
    struct vmb_gpadl gpadl;
    uint32_t handle;

    (void)state;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, ranges, 4, gpadl_told, &told),
                     VMB_OK);
    assert_int_equal(collect_gpadl(words, &handle), 3 + 2 + 4 + 41);
    assert_int_equal(words[0], 4095ull << 32 | 100);
    assert_int_equal(words[1], 7);
    assert_int_equal(words[2], 1000);
    assert_int_equal(words[3], 1);
    assert_int_equal(words[4], 42);
    assert_int_equal(words[5], 1ull << 32 | 8193);
    assert_int_equal(words[8], 3);
    assert_int_equal(words[9], 40 * VMB_PAGE_BYTES);
    assert_int_equal(words[49], 0x800000000u + 39);
}

static void a_gpadl_that_cannot_be_is_refused(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 0, .first_gpn = 1};
    struct vmb_gpadl gpadl;

    (void)state;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 0, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    range.byte_count = 1;
    range.byte_offset = 4096;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    range.byte_offset = 1;
    range.byte_count = 8190 * VMB_PAGE_BYTES; /* 8191 pages. */
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    rig_no_more(&rig);
}

static void a_gpadl_is_sent_whole_although_posts_are_retried(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 200 * VMB_PAGE_BYTES, .first_gpn = 5};
    uint64_t words[256];
    struct vmb_gpadl gpadl;
    uint32_t handle;
    uint32_t turn;

    (void)state;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, NULL, NULL),
                     VMB_OK);
    for (turn = 0; turn < 60; turn++) {
        rig.post_result = turn % 3 == 0 ? VMB_OK : VMB_ERR_RETRY;
        rig_poll(&rig);
        rig.now_ns =
            vmb_guest_next_deadline_ns(rig.guest) == VMB_NEVER ? rig.now_ns : rig.now_ns + 300000;
    }
    rig.post_result = VMB_OK;
    assert_int_equal(collect_gpadl(words, &handle), 201);
    assert_int_equal(words[200], 5 + 199);
    rig_no_more(&rig);
}

static void a_rescinded_channel_waits_for_its_gpadls(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 1, .first_gpn = 5};
    struct told told = {0};
    struct vmb_gpadl gpadl;

    (void)state;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, gpadl_told, &told),
                     VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_rescind(&rig, 1);
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_ERR_BUSY);
    assert_int_equal(vmb_channel_gpadl_teardown(&gpadl, gpadl_told, &told), VMB_OK);
    rig_answer_teardown(&rig);
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_OK);
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, 1);
}

static void answers_for_gpadls_nobody_has_are_ignored(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_GPADL_CREATED,
                                        .u.gpadl_created = {.relid = 1, .gpadl = 0x10000}});
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_GPADL_TORNDOWN,
                                        .u.gpadl_torndown = {.gpadl = 0x10001}});
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.messages_unexpected, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_offered_channel_is_found_by_its_relid),
        TEST(offers_that_cannot_be_are_refused_where_they_enter),
        TEST(channels_are_walked_in_relid_order),
        TEST(a_sub_channel_knows_its_primary_and_one_without_is_given_back),
        TEST(open_shares_the_rings_then_asks_then_starts_the_driver),
        TEST(an_event_before_the_answer_starts_the_handler_after_it),
        TEST(a_refused_open_gives_the_rings_back),
        TEST(a_refused_gpadl_ends_the_open),
        TEST(an_open_is_answered_by_its_own_id_only),
        TEST(an_open_that_is_not_answered_is_taken_back),
        TEST(open_refuses_what_cannot_work),
        TEST(close_tells_the_driver_then_the_host_then_frees),
        TEST(rings_that_never_come_back_are_not_reused),
        TEST(ring_memory_of_one_life_is_not_that_of_the_next),
        TEST(rescind_of_an_offered_channel),
        TEST(rescind_before_the_gpadl_is_answered),
        TEST(rescind_with_the_gpadl_refused_before_it),
        TEST(rescind_while_the_host_is_asked_to_open),
        TEST(rescind_of_an_open_channel),
        TEST(rescind_while_closing),
        TEST(rescind_twice_is_told_once),
        TEST(letting_go_inside_the_callback_is_allowed),
        TEST(a_channel_is_let_go_once_and_only_after_its_rescind),
        TEST(slots_are_used_again_and_again),
        TEST(a_gpadl_of_any_size_arrives_whole),
        TEST(a_gpadl_may_have_many_ranges_with_offsets),
        TEST(a_gpadl_that_cannot_be_is_refused),
        TEST(a_gpadl_is_sent_whole_although_posts_are_retried),
        TEST(a_rescinded_channel_waits_for_its_gpadls),
        TEST(answers_for_gpadls_nobody_has_are_ignored),
    };

    return cmocka_run_group_tests_name("guest channel", tests, NULL, NULL);
}
