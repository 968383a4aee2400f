/* SPDX-License-Identifier: MIT */
/* Transaction ids: given out once, answered once, everything else refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <vmbus/request.h>

#define SLOTS 8u

struct fixture {
    struct vmb_request_table table;
    struct vmb_request_slot slots[SLOTS];
    int things[SLOTS];
};

static void start(struct fixture *fixture)
{
    assert_int_equal(vmb_request_table_init(&fixture->table, fixture->slots, SLOTS), VMB_OK);
}

static void sizes_are_checked(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_int_equal(vmb_request_table_init(&fixture.table, fixture.slots, 0),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_request_table_init(&fixture.table, fixture.slots, 3),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_request_table_init(&fixture.table, NULL, SLOTS), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_request_table_init(&fixture.table, fixture.slots, 2u * VMB_REQUEST_LIMIT),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void each_id_comes_back_once(void **state)
{
    struct fixture fixture;
    uint64_t ids[SLOTS], spare;
    void *context;
    uint32_t index;

    (void)state;
    start(&fixture);
    for (index = 0; index < SLOTS; index++) {
        assert_int_equal(vmb_request_begin(&fixture.table, &fixture.things[index], &ids[index]),
                         VMB_OK);
        assert_true(ids[index] != 0);
        assert_true(ids[index] < UINT64_MAX - 3u); /* Reserved by some peers. */
    }
    assert_int_equal(vmb_request_begin(&fixture.table, NULL, &spare), VMB_ERR_LIMIT);
    assert_int_equal(vmb_request_count(&fixture.table), SLOTS);
    for (index = SLOTS; index-- > 0;) { /* In another order than they were begun. */
        assert_int_equal(vmb_request_end(&fixture.table, ids[index], &context), VMB_OK);
        assert_ptr_equal(context, &fixture.things[index]);
        assert_int_equal(vmb_request_end(&fixture.table, ids[index], &context), VMB_ERR_UNKNOWN);
    }
    assert_int_equal(vmb_request_count(&fixture.table), 0);
}

static void an_old_id_stays_unknown(void **state)
{
    struct fixture fixture;
    uint64_t old, id;
    void *context;
    int round;

    (void)state;
    start(&fixture);
    assert_int_equal(vmb_request_begin(&fixture.table, NULL, &old), VMB_OK);
    assert_int_equal(vmb_request_end(&fixture.table, old, &context), VMB_OK);
    for (round = 0; round < 1000; round++) {
        assert_int_equal(vmb_request_begin(&fixture.table, NULL, &id), VMB_OK);
        assert_true(id != old);
        assert_int_equal(vmb_request_end(&fixture.table, old, &context), VMB_ERR_UNKNOWN);
        assert_int_equal(vmb_request_end(&fixture.table, id, &context), VMB_OK);
    }
}

static void guesses_are_refused(void **state)
{
    static const uint64_t guesses[] = {0,          1,          SLOTS, SLOTS + 1u, 0x100000000u,
                                       UINT64_MAX, 0xFFFFFFFF, 9,     0x200000001};
    struct fixture fixture;
    void *context;
    size_t index;

    (void)state;
    start(&fixture);
    for (index = 0; index < sizeof(guesses) / sizeof(guesses[0]); index++) {
        assert_int_equal(vmb_request_end(&fixture.table, guesses[index], &context),
                         VMB_ERR_UNKNOWN);
    }
    assert_int_equal(vmb_request_count(&fixture.table), 0);
}

static void a_cancelled_request_was_never_there(void **state)
{
    struct fixture fixture;
    uint64_t first, id, next;
    void *context;

    (void)state;
    start(&fixture);
    assert_int_equal(vmb_request_begin(&fixture.table, NULL, &first), VMB_OK);
    assert_int_equal(vmb_request_begin(&fixture.table, NULL, &id), VMB_OK);
    vmb_request_cancel(&fixture.table, id);
    assert_int_equal(vmb_request_count(&fixture.table), 1);
    assert_int_equal(vmb_request_end(&fixture.table, id, &context), VMB_ERR_UNKNOWN);
    assert_int_equal(vmb_request_begin(&fixture.table, NULL, &next), VMB_OK);
    assert_true(next != id);
    assert_int_equal(vmb_request_end(&fixture.table, first, &context), VMB_OK);
    assert_int_equal(vmb_request_end(&fixture.table, next, &context), VMB_OK);

    /* The peer was faster: it guessed the id, so there is nothing left to take back. */
    assert_int_equal(vmb_request_begin(&fixture.table, NULL, &id), VMB_OK);
    assert_int_equal(vmb_request_end(&fixture.table, id, &context), VMB_OK);
    vmb_request_cancel(&fixture.table, id);
    assert_int_equal(vmb_request_count(&fixture.table), 0);
}

static void the_walk_finds_what_is_under_way(void **state)
{
    struct fixture fixture;
    uint64_t ids[SLOTS], id;
    uint32_t cursor = 0, index, found = 0;
    void *context;

    (void)state;
    start(&fixture);
    for (index = 0; index < SLOTS; index++) {
        assert_int_equal(vmb_request_begin(&fixture.table, &fixture.things[index], &ids[index]),
                         VMB_OK);
    }
    for (index = 0; index < SLOTS; index += 2) {
        assert_int_equal(vmb_request_end(&fixture.table, ids[index], &context), VMB_OK);
    }
    while (vmb_request_next(&fixture.table, &cursor, &id, &context)) {
        found++;
        assert_int_equal(vmb_request_end(&fixture.table, id, &context), VMB_OK);
    }
    assert_int_equal(found, SLOTS / 2);
    assert_int_equal(vmb_request_count(&fixture.table), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(each_id_comes_back_once),
        cmocka_unit_test(an_old_id_stays_unknown),
        cmocka_unit_test(guesses_are_refused),
        cmocka_unit_test(a_cancelled_request_was_never_there),
        cmocka_unit_test(the_walk_finds_what_is_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
