/* SPDX-License-Identifier: MIT */
/*
 * Key/value exchange and backup on a whole host that dies and comes back from its saved bytes: the
 * guest sees no device go and come, and what it had been asked before it answers after.
 */
#include "ic_peer.h"
#include "save_kit.h"

#include <vmbus/drivers/kvp.h>
#include <vmbus/drivers/vss.h>
#include <vmbus/host_channel.h>

#define HANDLE 100u /* The GPADL of the rings. */

static struct hrig *rig;
static struct pair *pair; /* Its guest is by hand; its host is the one on the bench. */
static struct vmb_host_channel *channel;
static struct vmb_kvp_host kvp[2];
static struct vmb_vss_host vss[2];
static bool is_ready;
static uint32_t answers;
static vmb_status answer;

static uint64_t now(void *context)
{
    (void)context;
    return rig->now_ns;
}

static void ready(void *context, bool told)
{
    (void)context;
    is_ready = told;
}

static void kvp_answered(void *context, vmb_status status, uint32_t ic_status,
                         const struct vmb_kvp_item *item, const struct vmb_kvp_ip *ip)
{
    (void)context;
    (void)ic_status;
    (void)ip;
    assert_int_equal(status == VMB_OK, item != NULL);
    answers++;
    answer = status;
}

static void vss_answered(void *context, vmb_status status, uint32_t ic_status, uint32_t flags)
{
    (void)context;
    (void)ic_status;
    (void)flags;
    answers++;
    answer = status;
}

static int set_up(void **state)
{
    struct vmb_kvp_host_options exchange = {
        .struct_bytes = sizeof(exchange), .now_ns = now, .ready = ready, .answered = kvp_answered};
    struct vmb_vss_host_options backup = {
        .struct_bytes = sizeof(backup), .now_ns = now, .ready = ready, .answered = vss_answered};

    (void)state;
    rig = hrig_new(NULL);
    is_ready = false;
    answers = 0;
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(vmb_kvp_host_init(&kvp[i], &exchange), VMB_OK);
        assert_int_equal(vmb_vss_host_init(&vss[i], &backup), VMB_OK);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hrig_free(rig);
    free(pair);
    return 0;
}

static void offer(const struct vmb_driver *driver, void *device, const struct vmb_host_hooks *hooks)
{
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = driver,
                                             .device = device,
                                             .hooks = hooks,
                                             .instance_id = {{1}}};

    assert_int_equal(vmb_host_offer(rig->host, &options, &channel), VMB_OK);
    hrig_poll(rig);
}

/* The guest's doorbell. */
static void host_runs(void *context)
{
    (void)context;
    vmb_host_kick(channel);
    hrig_run(rig);
}

static void nothing(void *context)
{
    (void)context;
}

/* The guest connects, opens the device, and stands at the other end of its rings. */
static void guest_opens(void)
{
    static const struct vmb_driver bus = {.name = "bus", .on_event = host_runs};
    const uint32_t data_bytes = (HRIG_RING_PAGES / 2 - 1) * VMB_PAGE_BYTES;
    struct vmb_endpoint_rings rings = {hrig_page(rig, 0), hrig_page(rig, HRIG_RING_PAGES / 2),
                                       data_bytes, data_bytes};

    pair = aligned_alloc(VMB_CACHE_LINE_BYTES, (sizeof(*pair) + 63u) & ~(size_t)63u);
    assert_non_null(pair);
    memset(pair, 0, sizeof(*pair));
    pair->host.driver = &bus;
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    vmb_ring_format(rings.tx_control);
    vmb_ring_format(rings.rx_control);
    hrig_gpadl(rig, 1, HANDLE, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 1, HANDLE, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(vmb_endpoint_init(&pair->guest.endpoint, &rings, nothing, NULL), VMB_OK);
}

static void guest_negotiates(uint16_t major)
{
    ic_choose_as_guest(pair, (struct vmb_ic_version){3, 0}, (struct vmb_ic_version){major, 0}, 1);
    assert_true(is_ready);
}

/* The host is gone; another one has the same device, as after its init. */
static void host_is_replaced(const struct vmb_driver *driver, void *device,
                             const struct vmb_host_hooks *hooks)
{
    struct skit_bytes saved = skit_save(rig);
    struct vmb_host_restored restored;

    hrig_restart(rig, NULL);
    is_ready = false;
    offer(driver, device, hooks);
    restored = skit_restore(rig, saved);
    assert_int_equal(restored.open, 1);
    assert_int_equal(restored.renewed + restored.revoked, 0);
    hrig_run(rig);
    hrig_expect_nothing(rig); /* To the guest no message of it. */
}

static void an_exchange_goes_on(void **state)
{
    struct vmb_kvp_item item = {.operation = VMB_KVP_ENUMERATE, .index = 3};
    static const uint8_t text[] = {'a', 0, 0, 0};
    struct ic_message question;
    uint32_t body_bytes;

    (void)state;
    offer(vmb_kvp_host_driver(), &kvp[0], vmb_kvp_host_hooks());
    guest_opens();
    guest_negotiates(4);
    assert_int_equal(vmb_kvp_host_request(&kvp[0], &item), VMB_OK);
    assert_true(ic_receive(&pair->guest, &question));
    host_is_replaced(vmb_kvp_host_driver(), &kvp[1], vmb_kvp_host_hooks());
    assert_true(is_ready);
    item.value_type = VMB_KVP_STRING;
    item.key = item.value = (struct vmb_slice){text, sizeof(text)};
    assert_int_equal(vmb_kvp_item_encode(&item, question.body, VMB_KVP_BODY_BYTES_MAX, &body_bytes),
                     VMB_OK);
    question.header.body_bytes = (uint16_t)body_bytes;
    ic_answer_as_guest(pair, &question, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    assert_int_equal(answers, 1);
    assert_int_equal(answer, VMB_OK);
}

/* The guest had been told to negotiate, and had not: it does so with the host that came after. */
static void a_negotiation_goes_on(void **state)
{
    (void)state;
    offer(vmb_kvp_host_driver(), &kvp[0], vmb_kvp_host_hooks());
    guest_opens();
    host_is_replaced(vmb_kvp_host_driver(), &kvp[1], vmb_kvp_host_hooks());
    assert_false(is_ready);
    guest_negotiates(4);
    assert_int_equal(kvp[1].ic.counters.negotiations, 1);
}

static void a_frozen_guest_is_thawed(void **state)
{
    struct ic_message message;

    (void)state;
    offer(vmb_vss_host_driver(), &vss[0], vmb_vss_host_hooks());
    guest_opens();
    guest_negotiates(6);
    assert_int_equal(vmb_vss_host_request(&vss[0], VMB_VSS_FREEZE), VMB_OK);
    assert_true(ic_receive(&pair->guest, &message));
    host_is_replaced(vmb_vss_host_driver(), &vss[1], vmb_vss_host_hooks());
    assert_false(vmb_vss_host_is_frozen(&vss[1]));
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    assert_int_equal(answers, 1);
    assert_true(vmb_vss_host_is_frozen(&vss[1]));
    assert_int_equal(vmb_vss_host_init(&vss[0], &vss[1].options), VMB_OK);
    host_is_replaced(vmb_vss_host_driver(), &vss[0], vmb_vss_host_hooks());
    assert_true(vmb_vss_host_is_frozen(&vss[0]));
    assert_int_equal(vmb_vss_host_request(&vss[0], VMB_VSS_THAW), VMB_OK);
    assert_true(ic_receive(&pair->guest, &message));
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    assert_int_equal(answers, 2);
    assert_false(vmb_vss_host_is_frozen(&vss[0]));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exchange_goes_on),
        TEST(a_negotiation_goes_on),
        TEST(a_frozen_guest_is_thawed),
    };

    return cmocka_run_group_tests_name("services on a saved host", tests, NULL, NULL);
}
