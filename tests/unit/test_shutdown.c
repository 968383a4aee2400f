/* SPDX-License-Identifier: MIT */
/* Shutdown, both roles: asked, answered, gone; and what each version allows. */
#include "ic_peer.h"

#include <vmbus/drivers/shutdown.h>

struct world {
    struct pair *pair;
    struct vmb_shutdown_guest guest;
    struct vmb_shutdown_host host;
    uint64_t now_ns;
    uint32_t gone;
    enum vmb_shutdown_kind kind;
    bool force;
    uint32_t reason;
    uint32_t timeout_seconds;
    char text[64];
    uint32_t answers;
    uint64_t answers_sent_when_gone;
    vmb_status answer;
    uint32_t ic_status;
    bool ready;
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static void world_go(void *context, const struct vmb_shutdown_request *request)
{
    struct world *world = context;

    world->gone++;
    world->kind = request->kind;
    world->force = request->force;
    world->reason = request->reason;
    world->timeout_seconds = request->timeout_seconds;
    assert_true(request->text_bytes < sizeof(world->text));
    if (request->text_bytes > 0) {
        memcpy(world->text, request->text, request->text_bytes);
    }
    world->text[request->text_bytes] = '\0';
    world->answers_sent_when_gone = world->guest.ic.counters.answers;
}

static bool world_accept_all(void *context, const struct vmb_shutdown_request *request)
{
    (void)context;
    (void)request;
    return true;
}

static void world_ready(void *context, bool ready)
{
    ((struct world *)context)->ready = ready;
}

static void world_answered(void *context, vmb_status status, uint32_t ic_status)
{
    struct world *world = context;

    world->answers++;
    world->answer = status;
    world->ic_status = ic_status;
}

static struct world *world_new(bool accept_all)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vmb_shutdown_guest_options guest = {
        .struct_bytes = sizeof(guest),
        .context = world,
        .accept = accept_all ? world_accept_all : NULL,
        .go = world_go,
    };
    struct vmb_shutdown_host_options host = {
        .struct_bytes = sizeof(host),
        .context = world,
        .now_ns = world_now,
        .ready = world_ready,
        .answered = world_answered,
    };

    assert_non_null(world);
    world->pair = pair_new(8192);
    assert_int_equal(vmb_shutdown_guest_init(&world->guest, &guest), VMB_OK);
    assert_int_equal(vmb_shutdown_host_init(&world->host, &host), VMB_OK);
    return world;
}

static void world_open(struct world *world)
{
    pair_open(&world->pair->host, vmb_shutdown_host_driver(), &world->host);
    pair_open(&world->pair->guest, vmb_shutdown_guest_driver(), &world->guest);
    assert_true(pair_run(world->pair, 100));
    assert_true(world->ready);
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

static void the_guest_answers_and_then_goes(void **state)
{
    static const enum vmb_shutdown_kind kinds[] = {VMB_SHUTDOWN_POWER_OFF, VMB_SHUTDOWN_RESTART,
                                                   VMB_SHUTDOWN_HIBERNATE};
    size_t index;

    (void)state;
    for (index = 0; index < 3; index++) {
        struct world *world = world_new(true);
        struct vmb_shutdown_request request = {
            .kind = kinds[index],
            .force = index == 1,
            .reason = VMB_IC_SHUTDOWN_REASON_PLANNED,
            .timeout_seconds = 30,
            .text = (const uint8_t *)"Good night",
            .text_bytes = 10,
        };

        world_open(world);
        assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_OK);
        assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_ERR_BUSY);
        assert_true(pair_run(world->pair, 100));
        assert_int_equal(world->gone, 1);
        assert_int_equal(world->kind, kinds[index]);
        assert_int_equal(world->force, index == 1);
        assert_int_equal(world->reason, VMB_IC_SHUTDOWN_REASON_PLANNED);
        assert_int_equal(world->timeout_seconds, 30);
        assert_string_equal(world->text, "Good night");
        assert_int_equal(world->answers_sent_when_gone, 2); /* Negotiation, and this one. */
        assert_int_equal(world->answers, 1);
        assert_int_equal(world->answer, VMB_OK);
        world_free(world);
    }
}

static void a_guest_may_refuse(void **state)
{
    struct world *world = world_new(false);
    struct vmb_shutdown_request request = {.kind = VMB_SHUTDOWN_HIBERNATE};

    (void)state;
    world_open(world);
    assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->gone, 0);
    assert_int_equal(world->answer, VMB_ERR_REFUSED);
    assert_int_equal(world->ic_status, VMB_IC_STATUS_FAILURE);
    request.kind = VMB_SHUTDOWN_POWER_OFF; /* It can be asked again. */
    assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->gone, 1);
    world_free(world);
}

static void versions_limit_what_is_asked(void **state)
{
    static const struct {
        struct vmb_ic_version newest;
        bool restart;
        bool hibernate;
    } cases[] = {{{1, 0}, false, false},
                 {{3, 0}, false, false},
                 {{3, 1}, true, false},
                 {{3, 2}, true, true}};
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(cases) / sizeof(cases[0]); index++) {
        struct world *world = world_new(true);
        struct vmb_shutdown_request request = {.kind = VMB_SHUTDOWN_RESTART};

        vmb_ic_host_limit_version(&world->host.ic, cases[index].newest);
        world_open(world);
        assert_int_equal(world->host.version.major, cases[index].newest.major);
        assert_int_equal(world->host.version.minor, cases[index].newest.minor);
        assert_int_equal(vmb_shutdown_host_request(&world->host, &request),
                         cases[index].restart ? VMB_OK : VMB_ERR_VERSION);
        assert_true(pair_run(world->pair, 100));
        request.kind = VMB_SHUTDOWN_HIBERNATE;
        assert_int_equal(vmb_shutdown_host_request(&world->host, &request),
                         cases[index].hibernate ? VMB_OK : VMB_ERR_VERSION);
        assert_true(pair_run(world->pair, 100));
        request.kind = VMB_SHUTDOWN_POWER_OFF;
        assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_OK);
        assert_true(pair_run(world->pair, 100));
        assert_int_equal(world->kind, VMB_SHUTDOWN_POWER_OFF);
        assert_int_equal(world->gone, 1u + cases[index].restart + cases[index].hibernate);
        world_free(world);
    }
}

/* Every combination of the low four flags, in every version. */
static void odd_flags_are_refused(void **state)
{
    static const struct vmb_ic_version framework = {3, 0};
    static const struct vmb_ic_version versions[] = {{1, 0}, {3, 0}, {3, 1}, {3, 2}};
    size_t version;
    uint8_t flags;

    (void)state;
    for (version = 0; version < 4; version++) {
        for (flags = 0; flags < 16; flags++) {
            struct world *world = world_new(true);
            uint8_t body[32] = {0}; /* Shorter than with all its text, as some send it. */
            struct vmb_ic_header header = ic_request_header(VMB_IC_SHUTDOWN, sizeof(body), 1);
            struct ic_message answer;
            bool good = (flags & 8) == 0 && (flags & 6) != 6 &&
                        ((flags & 2) == 0 || version >= 2) && ((flags & 4) == 0 || version >= 3);

            pair_open(&world->pair->guest, vmb_shutdown_guest_driver(), &world->guest);
            ic_negotiate_as_host(world->pair, &framework, 1, &versions[version], 1, &answer);
            body[8] = flags;
            ic_send(&world->pair->host, &header, body, 1);
            pair_deliver(&world->pair->guest);
            assert_true(ic_receive(&world->pair->host, &answer));
            assert_int_equal(answer.header.status, good ? VMB_IC_STATUS_OK : VMB_IC_STATUS_FAILURE);
            assert_int_equal(world->gone, good ? 1 : 0);
            world_free(world);
        }
    }
}

static void lengths_are_checked(void **state)
{
    static const struct vmb_ic_version v3 = {3, 0};
    struct world *world = world_new(true);
    struct ic_message answer;
    uint8_t body[12] = {0};
    uint16_t bytes;

    (void)state;
    pair_open(&world->pair->guest, vmb_shutdown_guest_driver(), &world->guest);
    ic_negotiate_as_host(world->pair, &v3, 1, &v3, 1, &answer);
    for (bytes = 0; bytes <= 12; bytes++) {
        struct vmb_ic_header header = ic_request_header(VMB_IC_SHUTDOWN, bytes, 1);

        ic_send(&world->pair->host, &header, body, 1);
        pair_deliver(&world->pair->guest);
        assert_true(ic_receive(&world->pair->host, &answer));
        assert_int_equal(answer.header.status,
                         bytes < 12 ? VMB_IC_STATUS_INVALID_ARGUMENT : VMB_IC_STATUS_OK);
    }
    assert_int_equal(world->gone, 1);
    world_free(world);
}

static void a_silent_guest_is_told_about(void **state)
{
    static const struct vmb_ic_version v3 = {3, 2}, framework = {3, 0};
    struct world *world = world_new(true);
    struct vmb_shutdown_request request = {.kind = VMB_SHUTDOWN_POWER_OFF};

    (void)state;
    assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_ERR_WRONG_STATE);
    pair_open(&world->pair->host, vmb_shutdown_host_driver(), &world->host);
    assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_ERR_BUSY);
    ic_choose_as_guest(world->pair, framework, v3, 1);
    assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_OK);
    world->now_ns = vmb_shutdown_host_next_deadline_ns(&world->host);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answer, VMB_ERR_TIMEOUT);
    world_free(world);

    world = world_new(true);
    pair_open(&world->pair->host, vmb_shutdown_host_driver(), &world->host);
    ic_choose_as_guest(world->pair, framework, v3, 1);
    assert_int_equal(vmb_shutdown_host_request(&world->host, &request), VMB_OK);
    world->pair->host.driver->closed(&world->host, VMB_ERR_GONE);
    assert_int_equal(world->answer, VMB_ERR_GONE);
    assert_false(world->ready);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guest_answers_and_then_goes),
        cmocka_unit_test(a_guest_may_refuse),
        cmocka_unit_test(versions_limit_what_is_asked),
        cmocka_unit_test(odd_flags_are_refused),
        cmocka_unit_test(lengths_are_checked),
        cmocka_unit_test(a_silent_guest_is_told_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
