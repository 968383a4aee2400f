/* SPDX-License-Identifier: MIT */
/*
 * Key/value exchange and backup on a host that is replaced: at every event of a conversation, in
 * the middle of a negotiation and of a request, another device of the kind goes on, and the guest
 * does not notice.
 */
#include "device_save.h"
#include "ic_peer.h"

#include <vmbus/drivers/kvp.h>
#include <vmbus/drivers/vss.h>

#define SECOND 1000000000ull

struct world {
    struct pair *pair;
    struct vmb_kvp_guest kvp_guest;
    struct vmb_kvp_host kvp[2];
    struct vmb_vss_guest vss_guest;
    struct vmb_vss_host vss[2];
    uint32_t current; /* Which of the hosts' two devices is in use. */
    uint64_t now_ns;
    uint32_t guest_says; /* To a freeze. */
    uint32_t freezes, thaws, completes;
    bool ready;
    uint32_t asked, answers;
    vmb_status answer;
    uint32_t index;
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static void world_ready(void *context, bool ready)
{
    ((struct world *)context)->ready = ready;
}

static uint32_t guest_item(void *context, struct vmb_kvp_item *item)
{
    static const uint8_t text[] = {'a', 0, 0, 0};

    (void)context;
    item->value_type = VMB_KVP_STRING;
    item->key = item->value = (struct vmb_slice){text, sizeof(text)};
    return VMB_IC_STATUS_OK;
}

static void kvp_answered(void *context, vmb_status status, uint32_t ic_status,
                         const struct vmb_kvp_item *item, const struct vmb_kvp_ip *ip)
{
    struct world *world = context;

    (void)ic_status;
    (void)ip;
    world->answers++;
    world->answer = status;
    world->index = item != NULL ? item->index : UINT32_MAX;
}

static uint32_t guest_freeze(void *context)
{
    struct world *world = context;

    world->freezes++;
    return world->guest_says;
}

static uint32_t guest_thaw(void *context)
{
    ((struct world *)context)->thaws++;
    return VMB_IC_STATUS_OK;
}

static void guest_complete(void *context)
{
    ((struct world *)context)->completes++;
}

static void vss_answered(void *context, vmb_status status, uint32_t ic_status, uint32_t flags)
{
    struct world *world = context;

    (void)ic_status;
    (void)flags;
    world->answers++;
    world->answer = status;
}

static void world_make_kvp(struct world *world)
{
    struct vmb_kvp_guest_options guest = {
        .struct_bytes = sizeof(guest), .context = world, .item = guest_item};
    struct vmb_kvp_host_options host = {.struct_bytes = sizeof(host),
                                        .context = world,
                                        .now_ns = world_now,
                                        .ready = world_ready,
                                        .answered = kvp_answered};

    assert_int_equal(vmb_kvp_guest_init(&world->kvp_guest, &guest), VMB_OK);
    assert_int_equal(vmb_kvp_host_init(&world->kvp[0], &host), VMB_OK);
    assert_int_equal(vmb_kvp_host_init(&world->kvp[1], &host), VMB_OK);
}

static void world_make_vss(struct world *world)
{
    struct vmb_vss_guest_options guest = {.struct_bytes = sizeof(guest),
                                          .context = world,
                                          .freeze = guest_freeze,
                                          .thaw = guest_thaw,
                                          .complete = guest_complete};
    struct vmb_vss_host_options host = {.struct_bytes = sizeof(host),
                                        .context = world,
                                        .now_ns = world_now,
                                        .ready = world_ready,
                                        .answered = vss_answered};

    assert_int_equal(vmb_vss_guest_init(&world->vss_guest, &guest), VMB_OK);
    assert_int_equal(vmb_vss_host_init(&world->vss[0], &host), VMB_OK);
    assert_int_equal(vmb_vss_host_init(&world->vss[1], &host), VMB_OK);
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->now_ns = 1000 * SECOND;
    world->guest_says = VMB_IC_STATUS_OK;
    world->pair = pair_new(16384);
    world_make_kvp(world);
    world_make_vss(world);
    return world;
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

/* Deliver one event, if there is one. */
static bool step(struct world *world)
{
    struct pair_side *side = world->pair->host.rung ? &world->pair->host : &world->pair->guest;

    if (!side->rung) {
        return false;
    }
    pair_deliver(side);
    return true;
}

/* ---- Key/value exchange ---------------------------------------------------------------------- */

#define QUESTIONS 3u

/* The host's user asks for one item after the other. */
static bool kvp_step(struct world *world)
{
    struct vmb_kvp_item item = {.operation = VMB_KVP_ENUMERATE, .index = world->asked};
    bool stepped = step(world);

    if (world->ready && world->asked < QUESTIONS && world->asked == world->answers) {
        assert_int_equal(vmb_kvp_host_request(&world->kvp[world->current], &item), VMB_OK);
        world->asked++;
        return true;
    }
    return stepped;
}

/* The device is written down, its memory is gone, and the new machine's clock has begun anew. */
static void kvp_moves(struct world *world)
{
    save(vmb_kvp_host_hooks(), &world->kvp[0], true);
    memset(&world->kvp[0], 0xEE, sizeof(world->kvp[0]));
    world->current = 1;
    world->ready = false;
    world->now_ns = 5 * SECOND;
    restore(vmb_kvp_host_hooks(), &world->kvp[1], world->pair);
}

static struct world *kvp_open(void)
{
    struct world *world = world_new();

    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->kvp[0]);
    pair_open(&world->pair->guest, vmb_kvp_guest_driver(), &world->kvp_guest);
    return world;
}

static void every_question_is_answered_once_wherever_the_host_moves(void **state)
{
    uint32_t cut, negotiating = 0, waiting = 0;
    bool quiet = false;

    (void)state;
    for (cut = 0; !quiet; cut++) {
        struct world *world = kvp_open();

        for (uint32_t i = 0; i < cut && !quiet; i++) {
            quiet = !kvp_step(world);
        }
        negotiating += world->kvp[0].ic.state == VMB_IC_HOST_NEGOTIATING;
        waiting += world->kvp[0].ic.state == VMB_IC_HOST_WAITING;
        kvp_moves(world);
        while (kvp_step(world)) {
        }
        assert_true(world->ready);
        assert_int_equal(world->answers, QUESTIONS);
        assert_int_equal(world->answer, VMB_OK);
        assert_int_equal(world->index, QUESTIONS - 1);
        assert_int_equal(world->kvp[1].ic.counters.negotiations, 1); /* The guest sees one host. */
        assert_int_equal(world->kvp[1].ic.counters.unasked, 0);
        world_free(world);
    }
    assert_true(negotiating >= 2 && waiting >= 2 * QUESTIONS);
}

/* What is left of the patience travels, not the time of a clock that the new machine has not. */
static void a_question_moved_is_given_up_when_it_would_have_been(void **state)
{
    struct vmb_kvp_item item = {.operation = VMB_KVP_ENUMERATE, .index = 7};
    struct world *world = world_new();
    struct ic_message question;

    (void)state;
    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->kvp[0]);
    ic_choose_as_guest(world->pair, (struct vmb_ic_version){3, 0}, (struct vmb_ic_version){4, 0},
                       1);
    assert_int_equal(vmb_kvp_host_request(&world->kvp[0], &item), VMB_OK);
    world->now_ns += 8 * SECOND; /* Of ten. */
    kvp_moves(world);
    assert_true(world->ready);
    assert_int_equal(vmb_kvp_host_request(&world->kvp[1], &item), VMB_ERR_BUSY);
    assert_true(vmb_kvp_host_next_deadline_ns(&world->kvp[1]) == 7 * SECOND);
    world->now_ns = 7 * SECOND;
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->answer, VMB_ERR_TIMEOUT);
    assert_true(ic_receive(&world->pair->guest, &question)); /* Answered late, after a move: */
    world->kvp[0] = world->kvp[1];
    kvp_moves(world);
    ic_answer_as_guest(world->pair, &question, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answers, 1); /* it is not told twice, */
    assert_int_equal(vmb_kvp_host_request(&world->kvp[1], &item), VMB_OK); /* and the next goes. */
    damage(vmb_kvp_host_hooks(), &world->kvp[1], sizeof(world->kvp[1]), vmb_kvp_host_driver(),
           world->pair);
    world_free(world);
}

/* An old version is known to the new device too: it refuses what the guest does not have. */
static void the_version_agreed_upon_travels(void **state)
{
    static const struct vmb_kvp_ip ip = {.operation = VMB_KVP_GET_IP};
    struct world *world = world_new();

    (void)state;
    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->kvp[0]);
    ic_choose_as_guest(world->pair, (struct vmb_ic_version){1, 0}, (struct vmb_ic_version){3, 0},
                       1);
    assert_true(world->ready);
    kvp_moves(world);
    assert_int_equal(vmb_kvp_host_request_ip(&world->kvp[1], &ip), VMB_ERR_VERSION);
    world_free(world);
}

/* ---- Backup ---------------------------------------------------------------------------------- */

static const uint8_t backup[] = {VMB_VSS_FREEZE, VMB_VSS_THAW, VMB_VSS_BACKUP_COMPLETE};

#define BACKUP_STEPS (sizeof(backup) / sizeof(backup[0]))

/* The host's user makes a backup. */
static bool vss_step(struct world *world)
{
    bool stepped = step(world);

    if (world->ready && world->asked < BACKUP_STEPS && world->asked == world->answers) {
        /* The guest stands still from its answer to the freeze to its answer to the thaw. */
        assert_int_equal(vmb_vss_host_is_frozen(&world->vss[world->current]), world->answers == 1);
        assert_int_equal(vmb_vss_host_request(&world->vss[world->current], backup[world->asked]),
                         VMB_OK);
        world->asked++;
        return true;
    }
    return stepped;
}

static void vss_moves(struct world *world)
{
    save(vmb_vss_host_hooks(), &world->vss[0], true);
    memset(&world->vss[0], 0xEE, sizeof(world->vss[0]));
    world->current = 1;
    world->ready = false;
    world->now_ns = 5 * SECOND;
    restore(vmb_vss_host_hooks(), &world->vss[1], world->pair);
}

static struct world *vss_open(void)
{
    struct world *world = world_new();

    pair_open(&world->pair->host, vmb_vss_host_driver(), &world->vss[0]);
    pair_open(&world->pair->guest, vmb_vss_guest_driver(), &world->vss_guest);
    return world;
}

static void a_backup_ends_well_wherever_the_host_moves(void **state)
{
    uint32_t cut, frozen = 0;
    bool quiet = false;

    (void)state;
    for (cut = 0; !quiet; cut++) {
        struct world *world = vss_open();

        for (uint32_t i = 0; i < cut && !quiet; i++) {
            quiet = !vss_step(world);
        }
        frozen += vmb_vss_host_is_frozen(&world->vss[0]);
        vss_moves(world);
        while (vss_step(world)) {
        }
        assert_true(world->ready);
        assert_int_equal(world->answers, BACKUP_STEPS);
        assert_int_equal(world->answer, VMB_OK);
        assert_int_equal(world->freezes, 1);
        assert_int_equal(world->thaws, 1);
        assert_int_equal(world->completes, 1);
        assert_int_equal(world->vss[1].ic.counters.negotiations, 1);
        world_free(world);
    }
    assert_true(frozen >= 2);
}

/*
 * A freeze was given up, and the host moves before the guest has said a word. Nobody but the new
 * device knows that the guest must be thawed as soon as it listens again; the user is told nothing
 * of it, also if the host moves a second time in the middle.
 */
static void a_freeze_given_up_is_thawed_by_the_host_that_comes_after(void **state)
{
    struct world *world = vss_open();

    (void)state;
    world->guest_says = VMB_IC_ANSWER_LATER;
    while (world->freezes == 0) {
        assert_true(vss_step(world));
    }
    world->now_ns += 60 * SECOND;
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answer, VMB_ERR_TIMEOUT);
    vss_moves(world);
    vmb_vss_guest_done(&world->vss_guest, VMB_IC_STATUS_OK); /* Late, and frozen. */
    assert_true(step(world));                                /* The host asks for the thaw, */
    assert_true(world->vss[1].is_own);
    world->vss[0] = world->vss[1];
    vss_moves(world); /* and moves again. */
    world->answers = 0;
    while (step(world)) {
    }
    assert_int_equal(world->thaws, 1);
    assert_int_equal(world->answers, 0);
    assert_false(vmb_vss_host_is_frozen(&world->vss[1]));
    assert_int_equal(vmb_vss_host_request(&world->vss[1], VMB_VSS_FREEZE), VMB_OK);
    damage(vmb_vss_host_hooks(), &world->vss[1], sizeof(world->vss[1]), vmb_vss_host_driver(),
           world->pair);
    world_free(world);
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* Of a channel that is closed, or being closed, nothing goes on: whoever opens it negotiates. */
static void a_closed_device_negotiates_when_it_is_opened(void **state)
{
    struct world *world = vss_open();

    (void)state;
    while (world->answers < 1) { /* Frozen. */
        assert_true(vss_step(world));
    }
    save(vmb_vss_host_hooks(), &world->vss[0], false);
    world->ready = false;
    assert_int_equal(vmb_vss_host_restore(&world->vss[1], NULL, NULL, blob.bytes, blob.byte_count),
                     VMB_OK);
    assert_false(world->ready);
    assert_false(vmb_vss_host_is_frozen(&world->vss[1]));
    assert_true(vmb_vss_host_next_deadline_ns(&world->vss[1]) == VMB_NEVER);
    pair_open(&world->pair->host, vmb_vss_host_driver(), &world->vss[1]);
    assert_int_equal(world->vss[1].ic.state, VMB_IC_HOST_NEGOTIATING);
    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->kvp[0]);
    save(vmb_kvp_host_hooks(), &world->kvp[0], false);
    assert_int_equal(vmb_kvp_host_restore(&world->kvp[1], NULL, NULL, blob.bytes, blob.byte_count),
                     VMB_OK);
    assert_false(world->ready);
    assert_int_equal(world->kvp[1].ic.state, VMB_IC_HOST_CLOSED);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_is_answered_once_wherever_the_host_moves),
        cmocka_unit_test(a_question_moved_is_given_up_when_it_would_have_been),
        cmocka_unit_test(the_version_agreed_upon_travels),
        cmocka_unit_test(a_backup_ends_well_wherever_the_host_moves),
        cmocka_unit_test(a_freeze_given_up_is_thawed_by_the_host_that_comes_after),
        cmocka_unit_test(a_closed_device_negotiates_when_it_is_opened),
    };

    return cmocka_run_group_tests_name("services saved", tests, NULL, NULL);
}
