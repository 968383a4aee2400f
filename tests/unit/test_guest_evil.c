/* SPDX-License-Identifier: MIT */
/*
 * A host that lies: messages with random contents at random moments, events for everything, rings
 * written over. The guest may refuse and lose the device; it may not crash, hang, leak, flood the
 * log, call a driver out of turn, or end a request twice.
 */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/power.h>

static struct rig rig;
static uint64_t seed;

static uint32_t draw(uint32_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % limit;
}

/* ---- A driver that knows when it may be called ------------------------------------------------
 */

enum {
    DEVICES = 64
};

struct device {
    bool open;
    bool running;
    uint32_t pending_done; /* Requests accepted and not ended. */
    struct vmb_endpoint *endpoint;
};

static struct device devices[DEVICES];

static void device_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct device *device = context;

    assert_false(device->open);
    device->open = true;
    device->endpoint = endpoint;
}

static void device_on_event(void *context)
{
    static uint8_t buffer[65536];
    struct device *device = context;
    struct vmb_packet packet;
    uint32_t turn;

    assert_true(device->open);
    assert_false(device->running);
    device->running = true;
    for (turn = 0; turn < 16; turn++) {
        if (vmb_endpoint_receive(device->endpoint, buffer, sizeof(buffer), &packet) != VMB_OK) {
            break;
        }
    }
    vmb_endpoint_release(device->endpoint);
    if (vmb_endpoint_send(device->endpoint, buffer, draw(600), 0, false) != VMB_OK) {
        vmb_endpoint_flush(device->endpoint); /* Full, or broken: both are fine. */
    }
    device->running = false;
}

static void device_closed(void *context, vmb_status reason)
{
    struct device *device = context;

    (void)reason;
    assert_true(device->open);
    assert_false(device->running);
    device->open = false;
    device->endpoint = NULL;
}

static void device_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct device *device = context;

    (void)channel;
    (void)status;
    assert_true(device->pending_done > 0); /* Exactly once. */
    device->pending_done--;
}

static const struct vmb_driver driver = {
    .name = "wary", .opened = device_opened, .on_event = device_on_event, .closed = device_closed};
static const struct vmb_driver driver_direct = {.name = "wary, direct",
                                                .notify = VMB_NOTIFY_DIRECT,
                                                .opened = device_opened,
                                                .on_event = device_on_event,
                                                .closed = device_closed};

/* ---- What the guest's user does --------------------------------------------------------------
 */

static void user_acts(void)
{
    uint32_t relid = draw(DEVICES);
    struct vmb_channel *channel = vmb_guest_relid2channel(rig.guest, relid);
    struct device *device = &devices[relid];
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};
    vmb_status status = VMB_ERR_WRONG_STATE;

    if (channel == NULL) {
        return;
    }
    options.driver = draw(2) == 0 ? &driver : &driver_direct;
    options.device = device;
    options.target_vp = draw(RIG_VPS);
    options.done = device_done;
    options.done_context = device;
    device->pending_done++;
    switch (draw(3)) {
    case 0:
        /* One device for a relid: not again before the last life is over. */
        status = device->open ? VMB_ERR_WRONG_STATE : vmb_channel_open(channel, &options);
        break;
    case 1:
        status = vmb_channel_close(channel, device_done, device);
        break;
    default:
        status = vmb_channel_set_target_vp(channel, draw(RIG_VPS), device_done, device);
        break;
    }
    if (status != VMB_OK) {
        device->pending_done--;
    }
}

/* ---- What the host does ----------------------------------------------------------------------
 */

/* A message of a kind that hosts send, its fields mostly small, so that they often hit something.
 */
static void host_lies(void)
{
    uint8_t bytes[240];
    uint32_t index;

    for (index = 0; index < sizeof(bytes); index++) {
        bytes[index] = draw(3) == 0 ? (uint8_t)draw(256) : 0;
    }
    memset(bytes, 0, 8);
    bytes[0] = (uint8_t)draw(32);
    bytes[8] = (uint8_t)draw(DEVICES);
    bytes[9] = draw(20) == 0 ? (uint8_t)draw(256) : 0;
    bytes[10] = bytes[11] = 0;
    if (bytes[0] == VMB_MSG_OFFER_CHANNEL) {
        bytes[184] = (uint8_t)draw(DEVICES);
        bytes[185] = draw(20) == 0 ? (uint8_t)draw(256) : 0;
        bytes[186] = bytes[187] = 0;
        bytes[180] = (uint8_t)draw(2);
    }
    rig_say_bytes(&rig, draw(50) == 0 ? draw(0x10000) + 1 : 1, bytes, draw(256));
}

/* An honest answer to something that the guest asked, perhaps much later, perhaps twice. */
static void host_answers(void)
{
    const struct vmb_message *asked;
    struct vmb_message answer = {0};

    if (rig.posted_count == 0) {
        return;
    }
    asked = &rig.posted[draw(rig.posted_count)].message;
    switch (asked->number) {
    case VMB_MSG_GPADL_HEADER:
        answer.number = VMB_MSG_GPADL_CREATED;
        answer.u.gpadl_created.relid = asked->u.gpadl_header.relid;
        answer.u.gpadl_created.gpadl = asked->u.gpadl_header.gpadl;
        answer.u.gpadl_created.status = draw(4) == 0;
        break;
    case VMB_MSG_GPADL_TEARDOWN:
        answer.number = VMB_MSG_GPADL_TORNDOWN;
        answer.u.gpadl_torndown.gpadl = asked->u.gpadl_teardown.gpadl;
        break;
    case VMB_MSG_OPEN_CHANNEL:
        answer.number = VMB_MSG_OPEN_RESULT;
        answer.u.open_result.relid = asked->u.open_channel.relid;
        answer.u.open_result.open_id = asked->u.open_channel.open_id;
        answer.u.open_result.status = draw(4) == 0;
        break;
    case VMB_MSG_MODIFY_CHANNEL:
        if (vmb_guest_version(rig.guest) < VMB_VERSION_5_3) {
            return;
        }
        answer.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE;
        answer.u.modify_channel_response.relid = asked->u.modify_channel.relid;
        answer.u.modify_channel_response.status = draw(4) == 0;
        break;
    default:
        return;
    }
    rig_say(&rig, &answer);
}

/* Anything at all in pages that are shared. */
static void host_scribbles(void)
{
    uint32_t page = draw(rig.pages_given);
    uint8_t *bytes = rig.shared_pages + (size_t)page * VMB_PAGE_BYTES;
    uint32_t count = draw(16);

    while (count-- > 0) {
        bytes[draw(2) == 0 ? draw(80) : draw(VMB_PAGE_BYTES)] = (uint8_t)draw(256);
    }
}

static void host_acts(void)
{
    uint32_t vp;

    switch (draw(6)) {
    case 0:
    case 1:
        host_lies();
        break;
    case 2:
    case 3:
        host_answers();
        break;
    case 4:
        host_scribbles();
        break;
    default:
        vp = draw(RIG_VPS);
        memset(vmb_hv_event_flags(rig.event_pages + (size_t)vp * VMB_PAGE_BYTES, 2),
               draw(3) == 0 ? 0xFF : (int)draw(256), draw(257));
        (void)vmb_guest_on_interrupt(rig.guest, vp);
        break;
    }
}

static void settle(void)
{
    uint32_t vp;
    uint32_t turns;

    for (vp = 0; vp < RIG_VPS; vp++) {
        for (turns = 0; turns < 200 && vmb_guest_run(rig.guest, vp, 64); turns++) {
        }
    }
    rig_poll(&rig);
    if (rig.posted_count > RIG_POSTED / 2) {
        memmove(rig.posted, rig.posted + RIG_POSTED / 4,
                (rig.posted_count - RIG_POSTED / 4) * sizeof(rig.posted[0]));
        rig.posted_count -= RIG_POSTED / 4;
        rig.posted_read = rig.posted_count;
    }
}

static void expect_nothing_owed(void)
{
    uint32_t index;

    for (index = 0; index < DEVICES; index++) {
        assert_int_equal(devices[index].pending_done, 0);
        assert_false(devices[index].open);
    }
}

static void one_session(uint32_t version, uint64_t session_seed)
{
    struct vmb_guest_counters counters;
    uint32_t step;

    seed = session_seed;
    memset(devices, 0, sizeof(devices));
    rig_start(&rig, NULL);
    rig.let_go_at_once = true;
    rig_connect(&rig, version, 20);
    for (step = 0; step < 1500; step++) {
        user_acts();
        host_acts();
        settle();
        if (draw(100) == 0) {
            rig_pass(&rig, 3000000000u);
        }
        if (rig.pages_given > RIG_PAGES - 100) {
            break; /* So much was never given back: that is allowed, and counted. */
        }
    }
    rig.log_count = 0;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    settle();
    expect_nothing_owed();
    if (version >= VMB_VERSION_1_1) {
        rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    }
    assert_int_equal(rig.unloaded_count, 1);
    assert_true(rig.unloaded_status == VMB_OK || version < VMB_VERSION_1_1);
    /* What is not back was given up for good reason, and counted. */
    vmb_guest_read_counters(rig.guest, &counters);
    assert_true(rig.shares_live == 0 || counters.pages_leaked != 0);
    assert_int_equal(vmb_guest_deinit(rig.guest), VMB_OK);
    rig_stop(&rig);
}

static void a_lying_host_at_every_version(void **state)
{
    uint32_t version;
    uint32_t round;

    (void)state;
    for (version = VMB_VERSION_NEWEST; version != 0; version = vmb_version_next_lower(version)) {
        for (round = 1; round <= 6; round++) {
            one_session(version, version * 1000u + round);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lying_host_at_every_version),
    };

    return cmocka_run_group_tests_name("guest evil", tests, NULL, NULL);
}
