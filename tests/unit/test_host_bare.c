/* SPDX-License-Identifier: MIT */
/* An embedder that gives only what is required, devices without hooks: the bus works all the same.
 */
#include "host_rig.h"

static const struct vmb_host_hooks no_hooks = {.struct_bytes = sizeof(no_hooks)};

static struct vmb_host_channel *offer(struct hrig *rig, const struct vmb_host_hooks *hooks)
{
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = &hrig_driver,
                                             .device = &rig->devices[0],
                                             .hooks = hooks,
                                             .instance_id = {{1}}};

    assert_int_equal(vmb_host_offer(rig->host, &options, &rig->devices[0].channel), VMB_OK);
    hrig_poll(rig);
    return rig->devices[0].channel;
}

/* From offer to unload, everything in between once. */
static void live(struct hrig *rig, const struct vmb_host_hooks *hooks, uint32_t version)
{
    struct hrig_device *device = &rig->devices[0];
    struct vmb_host_channel *channel = offer(rig, hooks);

    hrig_connect(rig, version, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_gpadl(rig, 1, 100, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    hrig_open(rig, 1, 100, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_run(rig);
    assert_int_equal(device->runs, 1);
    vmb_host_kick(channel);
    vmb_host_request_control(channel);
    hrig_poll(rig);
    hrig_run(rig);
    assert_int_equal(device->runs, 2);
    if (version >= VMB_VERSION_4_1) {
        hrig_modify(rig, 1, 2);
        assert_int_equal(vmb_host_channel_target_vp(channel), 2);
        if (version >= VMB_VERSION_5_3) {
            hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE);
        }
    }
    hrig_close(rig, 1);
    assert_int_equal(device->closed, 1);
    hrig_gpadl_teardown(rig, 1, 100);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    assert_int_equal(rig->mapped_pages, version < VMB_VERSION_2_4 ? 1 : 0);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_NONE);
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    device->channel = NULL;
    hrig_poll(rig);
}

static void a_device_may_do_without_hooks(void **state)
{
    static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_4_1,
                                        VMB_VERSION_5_3};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct hrig *rig = hrig_new_bare(NULL);

        live(rig, NULL, versions[i]);
        hrig_free(rig);
        rig = hrig_new_bare(NULL);
        live(rig, &no_hooks, versions[i]);
        hrig_free(rig);
    }
}

static void sockets_and_other_vtls_are_nobodys(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_TL_CONNECT_REQUEST};
    struct hrig *rig = hrig_new_bare(NULL);

    (void)state;
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_TL_CONNECT_RESULT)->u.tl_connect_result.status,
                     VMB_NTSTATUS_CONNECTION_REFUSED);
    memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_INITIATE_CONTACT;
    message.u.initiate_contact.requested_version = VMB_VERSION_5_3;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    message.u.initiate_contact.target_vtl = 2;
    hrig_post(rig, &message);
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_5_3);
    hrig_free(rig);
}

static void without_a_log_a_guests_mistakes_are_counted_all_the_same(void **state)
{
    struct vmb_host_counters counters;
    struct hrig *rig = hrig_new_bare(NULL);

    (void)state;
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_close(rig, 9);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_unexpected, 1);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_may_do_without_hooks),
        cmocka_unit_test(sockets_and_other_vtls_are_nobodys),
        cmocka_unit_test(without_a_log_a_guests_mistakes_are_counted_all_the_same),
    };

    return cmocka_run_group_tests_name("host bare", tests, NULL, NULL);
}
