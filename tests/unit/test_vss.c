/* SPDX-License-Identifier: MIT */
/* Backup, both roles: frozen and thawed, at once and later, and by a host that goes away. */
#include "ic_peer.h"

#include <vmbus/drivers/vss.h>

struct world {
    struct pair *pair;
    struct vmb_vss_guest guest;
    struct vmb_vss_host host;
    uint64_t now_ns;
    uint32_t freeze_status; /* What the guest's functions say. */
    uint32_t thaw_status;
    int frozen; /* Freezes that went well, less thaws. */
    uint32_t completes;
    bool ready;
    uint32_t answers;
    vmb_status answer;
    uint32_t ic_status;
    uint32_t flags;
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static uint32_t world_freeze(void *context)
{
    struct world *world = context;

    world->frozen += world->freeze_status == VMB_IC_STATUS_OK ? 1 : 0;
    return world->freeze_status;
}

static uint32_t world_thaw(void *context)
{
    struct world *world = context;

    world->frozen--;
    return world->thaw_status;
}

static void world_complete(void *context)
{
    ((struct world *)context)->completes++;
}

static void world_ready(void *context, bool ready)
{
    ((struct world *)context)->ready = ready;
}

static void world_answered(void *context, vmb_status status, uint32_t ic_status, uint32_t flags)
{
    struct world *world = context;

    world->answers++;
    world->answer = status;
    world->ic_status = ic_status;
    world->flags = flags;
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vmb_vss_guest_options guest = {.struct_bytes = sizeof(guest),
                                          .context = world,
                                          .freeze = world_freeze,
                                          .thaw = world_thaw,
                                          .complete = world_complete};
    struct vmb_vss_host_options host = {.struct_bytes = sizeof(host),
                                        .context = world,
                                        .now_ns = world_now,
                                        .ready = world_ready,
                                        .answered = world_answered};

    assert_non_null(world);
    world->pair = pair_new(8192);
    assert_int_equal(vmb_vss_guest_init(&world->guest, &guest), VMB_OK);
    assert_int_equal(vmb_vss_host_init(&world->host, &host), VMB_OK);
    return world;
}

static void world_open(struct world *world)
{
    pair_open(&world->pair->host, vmb_vss_host_driver(), &world->host);
    pair_open(&world->pair->guest, vmb_vss_guest_driver(), &world->guest);
    assert_true(pair_run(world->pair, 100));
    assert_true(world->ready);
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

static vmb_status world_ask(struct world *world, uint8_t operation)
{
    uint32_t before = world->answers;

    assert_int_equal(vmb_vss_host_request(&world->host, operation), VMB_OK);
    assert_int_equal(vmb_vss_host_request(&world->host, operation), VMB_ERR_BUSY);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answers, before + 1);
    return world->answer;
}

static void a_backup_from_beginning_to_end(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open(world);
    assert_int_equal(world_ask(world, VMB_VSS_HOT_BACKUP), VMB_OK);
    assert_int_equal(world->flags, VMB_VSS_NO_AUTO_RECOVERY);
    assert_int_equal(world_ask(world, VMB_VSS_DIRECT_DEVICES), VMB_OK);
    assert_int_equal(world->flags, 0);
    assert_int_equal(world_ask(world, VMB_VSS_FREEZE), VMB_OK);
    assert_int_equal(world->frozen, 1);
    assert_true(vmb_vss_host_is_frozen(&world->host));
    assert_int_equal(world_ask(world, VMB_VSS_FREEZE), VMB_OK); /* Once more: still once. */
    assert_int_equal(world->frozen, 1);
    assert_int_equal(world_ask(world, VMB_VSS_THAW), VMB_OK);
    assert_int_equal(world->frozen, 0);
    assert_false(vmb_vss_host_is_frozen(&world->host));
    assert_int_equal(world_ask(world, VMB_VSS_THAW), VMB_OK);
    assert_int_equal(world->frozen, 0);
    assert_int_equal(world_ask(world, VMB_VSS_BACKUP_COMPLETE), VMB_OK);
    assert_int_equal(world->completes, 1);
    world_free(world);
}

static void a_guest_that_cannot_is_not_frozen(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open(world);
    world->freeze_status = VMB_IC_STATUS_FAILURE;
    assert_int_equal(world_ask(world, VMB_VSS_FREEZE), VMB_ERR_REFUSED);
    assert_int_equal(world->ic_status, VMB_IC_STATUS_FAILURE);
    assert_false(vmb_vss_host_is_frozen(&world->host));
    assert_int_equal(world_ask(world, VMB_VSS_THAW), VMB_OK);
    assert_int_equal(world->frozen, 0);
    world_free(world);
}

static void a_freeze_may_take_its_time(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open(world);
    world->freeze_status = VMB_IC_ANSWER_LATER;
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    pair_deliver(&world->pair->guest); /* An event that means nothing. */
    assert_int_equal(world->answers, 0);
    world->frozen = 1;
    vmb_vss_guest_done(&world->guest, VMB_IC_STATUS_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->answer, VMB_OK);
    assert_true(vmb_vss_host_is_frozen(&world->host));
    world->thaw_status = VMB_IC_ANSWER_LATER;
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_THAW), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answers, 1);
    vmb_vss_guest_done(&world->guest, VMB_IC_STATUS_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answer, VMB_OK);
    assert_int_equal(world->answers, 2);
    assert_int_equal(world->frozen, 0);
    vmb_vss_guest_done(&world->guest, VMB_IC_STATUS_OK); /* Nobody asked. */
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answers, 2);
    world_free(world);
}

/* The host asks again while the guest still works: it waits, and gets both answers in order. */
static void an_impatient_host_comes_after(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open(world);
    world->freeze_status = VMB_IC_ANSWER_LATER;
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    world->now_ns = vmb_vss_host_next_deadline_ns(&world->host);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answer, VMB_ERR_TIMEOUT);
    world->now_ns = vmb_vss_host_next_deadline_ns(&world->host);
    pair_deliver(&world->pair->host); /* Starts over with a negotiation. */
    assert_true(pair_run(world->pair, 100));
    world->frozen = 1;
    vmb_vss_guest_done(&world->guest, VMB_IC_STATUS_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->frozen, 0);                    /* The negotiation has thawed it. */
    assert_int_equal(world->host.ic.counters.requests, 2); /* And a thaw was sent, to be sure. */
    assert_int_equal(world->answers, 1);
    assert_false(vmb_vss_host_is_frozen(&world->host));
    world->freeze_status = VMB_IC_STATUS_OK;
    assert_int_equal(world_ask(world, VMB_VSS_FREEZE), VMB_OK);
    assert_int_equal(world->frozen, 1);
    world_free(world);
}

/* Frozen too late, for a guest that does not thaw by itself. */
static void a_late_freeze_is_thawed(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v5 = {5, 0};
    struct world *world = world_new();
    struct ic_message freeze;
    struct ic_message thaw;

    (void)state;
    pair_open(&world->pair->host, vmb_vss_host_driver(), &world->host);
    ic_choose_as_guest(world->pair, framework, v5, 1);
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_OK);
    assert_true(ic_receive(&world->pair->guest, &freeze));
    world->now_ns = vmb_vss_host_next_deadline_ns(&world->host);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answer, VMB_ERR_TIMEOUT);
    assert_false(ic_receive(&world->pair->guest, &thaw)); /* Not before it has answered. */
    ic_answer_as_guest(world->pair, &freeze, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_true(ic_receive(&world->pair->guest, &thaw));
    assert_int_equal(thaw.body[0], VMB_VSS_THAW);
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_ERR_BUSY);
    world->now_ns = vmb_vss_host_next_deadline_ns(&world->host); /* That takes its time, too. */
    pair_deliver(&world->pair->host);
    ic_answer_as_guest(world->pair, &thaw, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_true(ic_receive(&world->pair->guest, &thaw));
    assert_int_equal(thaw.body[0], VMB_VSS_THAW);
    ic_answer_as_guest(world->pair, &thaw, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_false(ic_receive(&world->pair->guest, &thaw));
    assert_int_equal(world->answers, 1); /* Nobody is told of what nobody asked for. */
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_OK);
    world_free(world);
}

static void a_host_that_goes_leaves_nobody_frozen(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open(world);
    assert_int_equal(world_ask(world, VMB_VSS_FREEZE), VMB_OK);
    world->pair->guest.driver->closed(&world->guest, VMB_ERR_GONE);
    assert_int_equal(world->frozen, 0);
    world->pair->host.driver->closed(&world->host, VMB_ERR_GONE);
    assert_false(vmb_vss_host_is_frozen(&world->host));
    world_free(world);

    world = world_new(); /* And one that goes while the guest is at it. */
    world_open(world);
    world->freeze_status = VMB_IC_ANSWER_LATER;
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    world->pair->guest.driver->closed(&world->guest, VMB_ERR_GONE);
    assert_int_equal(world->frozen, 0);
    world->frozen = 1;
    vmb_vss_guest_done(&world->guest, VMB_IC_STATUS_OK);
    assert_int_equal(world->frozen, 0);
    world_free(world);
}

static void versions_limit_what_is_asked(void **state)
{
    struct world *world = world_new();

    (void)state;
    vmb_ic_host_limit_version(&world->host.ic, (struct vmb_ic_version){4, 0});
    world_open(world);
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_ERR_VERSION);
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_THAW), VMB_ERR_VERSION);
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_CREATE), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_vss_host_request(&world->host, 200), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(world_ask(world, VMB_VSS_HOT_BACKUP), VMB_OK);
    world_free(world);
}

static void the_guest_checks_lengths_and_operations(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v4 = {4, 0}, v7 = {7, 0};
    uint8_t body[24] = {0};
    struct world *world = world_new();
    struct ic_message answer;
    uint8_t operation;
    uint16_t bytes;

    (void)state;
    pair_open(&world->pair->guest, vmb_vss_guest_driver(), &world->guest);
    ic_negotiate_as_host(world->pair, &framework, 1, &v7, 1, &answer);
    for (operation = 0; operation < 12; operation++) {
        for (bytes = 0; bytes <= sizeof(body); bytes++) {
            struct vmb_ic_header header = ic_request_header(VMB_IC_VSS, bytes, 1);
            bool has_flags = operation == VMB_VSS_HOT_BACKUP || operation == VMB_VSS_DIRECT_DEVICES;

            body[0] = operation;
            ic_send(&world->pair->host, &header, body, 1);
            pair_deliver(&world->pair->guest);
            assert_true(ic_receive(&world->pair->host, &answer));
            assert_int_equal(answer.header.status,
                             bytes < 8 || (has_flags && bytes < 12) ? VMB_IC_STATUS_INVALID_ARGUMENT
                             : operation >= VMB_VSS_HOT_BACKUP && operation <= VMB_VSS_THAW
                                 ? VMB_IC_STATUS_OK
                                 : VMB_IC_STATUS_NOT_SUPPORTED);
        }
    }
    ic_negotiate_as_host(world->pair, &framework, 1, &v4, 1, &answer);
    body[0] = VMB_VSS_FREEZE;
    ic_send(&world->pair->host,
            &(struct vmb_ic_header){.message_type = VMB_IC_VSS,
                                    .body_bytes = sizeof(body),
                                    .transaction_id = 2,
                                    .flags = VMB_IC_TRANSACTION},
            body, 2);
    pair_deliver(&world->pair->guest);
    assert_true(ic_receive(&world->pair->host, &answer));
    assert_int_equal(answer.header.status, VMB_IC_STATUS_NOT_SUPPORTED);
    assert_int_equal(world->frozen, 0);
    world_free(world);
}

/* A freeze that wants no answer, and is done later: nothing is sent for it. */
static void nothing_is_sent_that_nobody_wants(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v5 = {5, 0};
    uint8_t body[12] = {VMB_VSS_FREEZE};
    struct world *world = world_new();
    struct vmb_ic_header header = ic_request_header(VMB_IC_VSS, sizeof(body), 1);
    struct ic_message answer;

    (void)state;
    pair_open(&world->pair->guest, vmb_vss_guest_driver(), &world->guest);
    ic_negotiate_as_host(world->pair, &framework, 1, &v5, 1, &answer);
    world->freeze_status = VMB_IC_ANSWER_LATER;
    header.flags = VMB_IC_REQUEST;
    ic_send(&world->pair->host, &header, body, 1);
    pair_deliver(&world->pair->guest);
    vmb_vss_guest_done(&world->guest, VMB_IC_STATUS_OK);
    assert_false(ic_receive(&world->pair->host, &answer));
    world_free(world);
}

static void an_answer_without_flags_is_told(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v5 = {5, 0};
    struct world *world = world_new();
    struct ic_message message;

    (void)state;
    pair_open(&world->pair->host, vmb_vss_host_driver(), &world->host);
    ic_choose_as_guest(world->pair, framework, v5, 1);
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_HOT_BACKUP), VMB_OK);
    assert_true(ic_receive(&world->pair->guest, &message));
    message.header.body_bytes = 8;
    ic_answer_as_guest(world->pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answer, VMB_ERR_MALFORMED);
    assert_int_equal(world->flags, 0);
    world_free(world);
}

static void world_failed(void *context, vmb_status status)
{
    assert_int_equal(status, VMB_ERR_PEER);
    (*(uint32_t *)context)++;
}

/* Each side says so when the other breaks the ring; and says nothing if nobody listens. */
static void broken_rings_are_told(void **state)
{
    uint32_t told = 0, index;

    (void)state;
    for (index = 0; index < 2; index++) {
        struct world *world = world_new();
        struct vmb_vss_guest_options guest = {.struct_bytes = sizeof(guest),
                                              .context = &told,
                                              .freeze = world_freeze,
                                              .thaw = world_thaw,
                                              .failed = index == 0 ? world_failed : NULL};
        struct vmb_vss_host_options host = {.struct_bytes = sizeof(host),
                                            .context = &told,
                                            .patience_ns = 1,
                                            .now_ns = world_now,
                                            .failed = index == 0 ? world_failed : NULL};
        static const uint32_t bad = 3;

        assert_int_equal(vmb_vss_guest_init(&world->guest, &guest), VMB_OK);
        host.context = world;
        assert_int_equal(vmb_vss_host_init(&world->host, &host), VMB_OK);
        world->host.options.context = &told;
        pair_open(&world->pair->host, vmb_vss_host_driver(), &world->host);
        pair_open(&world->pair->guest, vmb_vss_guest_driver(), &world->guest);
        memcpy(world->pair->to_guest, &bad, sizeof(bad)); /* The write index. */
        memcpy(world->pair->to_host, &bad, sizeof(bad));
        pair_deliver(&world->pair->guest);
        pair_deliver(&world->pair->host);
        world_free(world);
    }
    assert_int_equal(told, 2);
}

static void bad_options_are_refused(void **state)
{
    struct world *world = world_new();
    struct vmb_vss_guest_options guest = world->guest.options;
    struct vmb_vss_host_options host = world->host.options;

    (void)state;
    guest.struct_bytes--;
    assert_int_equal(vmb_vss_guest_init(&world->guest, &guest), VMB_ERR_INVALID_ARGUMENT);
    guest.struct_bytes++;
    guest.freeze = NULL;
    assert_int_equal(vmb_vss_guest_init(&world->guest, &guest), VMB_ERR_INVALID_ARGUMENT);
    guest.freeze = world_freeze;
    guest.thaw = NULL;
    assert_int_equal(vmb_vss_guest_init(&world->guest, &guest), VMB_ERR_INVALID_ARGUMENT);
    host.struct_bytes--;
    assert_int_equal(vmb_vss_host_init(&world->host, &host), VMB_ERR_INVALID_ARGUMENT);
    host.struct_bytes++;
    host.now_ns = NULL;
    assert_int_equal(vmb_vss_host_init(&world->host, &host), VMB_ERR_INVALID_ARGUMENT);
    world_free(world);
}

/* Both sides without any of the functions that they can do without. */
static void nobody_has_to_listen(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->guest.options.complete = NULL;
    world->host.options.ready = NULL;
    world->host.options.answered = NULL;
    pair_open(&world->pair->host, vmb_vss_host_driver(), &world->host);
    pair_open(&world->pair->guest, vmb_vss_guest_driver(), &world->guest);
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_ERR_BUSY);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_BACKUP_COMPLETE), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->frozen, 1);
    world_free(world);
}

/* A second freeze, of a new conversation, while the first one is still being done. */
static void a_freeze_that_nobody_awaits_stands_in_the_way(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open(world);
    world->freeze_status = VMB_IC_ANSWER_LATER;
    assert_int_equal(vmb_vss_host_request(&world->host, VMB_VSS_FREEZE), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    world->pair->guest.driver->closed(&world->guest, VMB_ERR_GONE);
    world->pair->host.driver->closed(&world->host, VMB_ERR_GONE);
    pair_free(world->pair);
    world->pair = pair_new(8192);
    world_open(world);
    assert_int_equal(world_ask(world, VMB_VSS_FREEZE), VMB_ERR_REFUSED);
    vmb_vss_guest_done(&world->guest, VMB_IC_STATUS_FAILURE);
    world->freeze_status = VMB_IC_STATUS_OK;
    assert_int_equal(world_ask(world, VMB_VSS_FREEZE), VMB_OK);
    assert_int_equal(world->frozen, 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_rings_are_told),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(a_freeze_that_nobody_awaits_stands_in_the_way),
        cmocka_unit_test(a_backup_from_beginning_to_end),
        cmocka_unit_test(a_guest_that_cannot_is_not_frozen),
        cmocka_unit_test(a_freeze_may_take_its_time),
        cmocka_unit_test(an_impatient_host_comes_after),
        cmocka_unit_test(a_late_freeze_is_thawed),
        cmocka_unit_test(a_host_that_goes_leaves_nobody_frozen),
        cmocka_unit_test(versions_limit_what_is_asked),
        cmocka_unit_test(the_guest_checks_lengths_and_operations),
        cmocka_unit_test(nothing_is_sent_that_nobody_wants),
        cmocka_unit_test(an_answer_without_flags_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
