/* SPDX-License-Identifier: MIT */
/* Hypercalls of a guest: every status of HvPostMessage and HvSignalEvent, connections, buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/hv_ports.h>

#include "base/vmb_le.h"

#define ALL (VMB_HV_PRIVILEGE_POST_MESSAGES | VMB_HV_PRIVILEGE_SIGNAL_EVENTS)

struct guest {
    uint8_t memory[2 * VMB_PAGE_BYTES];
    uint32_t events;
    uint32_t last_id;
    uint32_t last_flag;
    struct vmb_hv_ports *ports;
    void *ports_memory;
    struct vmb_hv_message_port port;
    uint32_t ready;
};

static vmb_status guest_read(void *context, vmb_gpa address, void *buffer, uint32_t bytes)
{
    struct guest *guest = context;

    if (address > sizeof(guest->memory) - bytes) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    memcpy(buffer, guest->memory + address, bytes);
    return VMB_OK;
}

static void guest_event(void *context, uint32_t connection_id, uint32_t flag)
{
    struct guest *guest = context;

    guest->events++;
    guest->last_id = connection_id;
    guest->last_flag = flag;
}

static void guest_ready(void *context)
{
    struct guest *guest = context;

    guest->ready++;
}

static int guest_setup(void **state)
{
    const struct vmb_hv_ports_options options = {
        .struct_bytes = sizeof(options),
        .connection_limit = 8,
    };
    struct guest *guest = calloc(1, sizeof(*guest));
    const struct vmb_hv_ports_platform platform = {
        .struct_bytes = sizeof(platform),
        .context = guest,
        .read_guest = guest_read,
    };
    size_t bytes = vmb_hv_ports_memory_bytes(&options);

    guest->ports_memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_int_equal(
        vmb_hv_ports_init(guest->ports_memory, bytes, &options, &platform, &guest->ports), VMB_OK);
    vmb_hv_message_port_init(&guest->port, guest_ready, guest);
    assert_int_equal(
        vmb_hv_ports_connect_messages(guest->ports, 1, vmb_hv_message_port_post, &guest->port),
        VMB_OK);
    assert_int_equal(vmb_hv_ports_connect_event(guest->ports, 0x2001, 2, guest_event, guest),
                     VMB_OK);
    *state = guest;
    return 0;
}

static int guest_teardown(void **state)
{
    struct guest *guest = *state;

    free(guest->ports_memory);
    free(guest);
    return 0;
}

static uint64_t guest_post(struct guest *guest, uint32_t id, uint32_t number)
{
    struct vmb_hv_call call = {vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false), 0, 0};
    uint8_t bytes[4];

    vmbi_put_le32(bytes, number);
    assert_int_equal(vmb_hv_post_message_encode(guest->memory, id, 1, bytes, 4), VMB_OK);
    return vmb_hv_ports_call(guest->ports, ALL, &call);
}

static uint64_t guest_call(struct guest *guest, uint64_t control, uint64_t input)
{
    struct vmb_hv_call call = {control, input, 0};

    return vmb_hv_ports_call(guest->ports, ALL, &call);
}

static void test_init_refuses_bad_arguments(void **state)
{
    struct vmb_hv_ports_options options = {.struct_bytes = sizeof(options), .connection_limit = 2};
    struct vmb_hv_ports_platform platform = {.struct_bytes = sizeof(platform)};
    _Alignas(64) static uint8_t memory[4096];
    size_t bytes = vmb_hv_ports_memory_bytes(&options);
    struct vmb_hv_ports *ports;

    (void)state;
    assert_in_range(bytes, 128, sizeof(memory));
    assert_int_equal(vmb_hv_ports_init(memory, bytes - 1, &options, &platform, &ports),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(vmb_hv_ports_init(memory + 4, bytes, &options, &platform, &ports),
                     VMB_ERR_INVALID_ARGUMENT);
    platform.struct_bytes++;
    assert_int_equal(vmb_hv_ports_init(memory, bytes, &options, &platform, &ports),
                     VMB_ERR_INVALID_ARGUMENT);
    options.struct_bytes++; /* Of a newer library: it may ask for what we do not know. */
    assert_int_equal(vmb_hv_ports_memory_bytes(&options), 0);
    options.struct_bytes--;
    options.connection_limit = 65537;
    assert_int_equal(vmb_hv_ports_memory_bytes(&options), 0);
}

static void test_control_word_statuses(void **state)
{
    struct guest *guest = *state;
    const uint64_t post = VMB_HV_CALL_POST_MESSAGE;
    const uint64_t fast = VMB_HV_CALL_SIGNAL_EVENT | VMB_HV_CONTROL_FAST;

    assert_int_equal(guest_call(guest, 0x5E, 0), VMB_HV_INVALID_HYPERCALL_CODE);
    assert_int_equal(guest_call(guest, post | VMB_HV_CONTROL_FAST, 0),
                     VMB_HV_INVALID_HYPERCALL_INPUT);
    for (uint32_t bit = 17; bit < 64; bit++) {
        if (bit != 31) { /* "Nested" is for whoever is outermost, which is us. */
            assert_int_equal(guest_call(guest, fast | 1ull << bit, 0x2001),
                             VMB_HV_INVALID_HYPERCALL_INPUT);
        }
    }
    assert_int_equal(guest_call(guest, fast | VMB_HV_CONTROL_NESTED, 0x2001), VMB_HV_SUCCESS);
}

static void test_privileges(void **state)
{
    struct guest *guest = *state;
    struct vmb_hv_call call = {vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true), 0x2001, 0};

    assert_int_equal(vmb_hv_ports_call(guest->ports, VMB_HV_PRIVILEGE_POST_MESSAGES, &call),
                     VMB_HV_ACCESS_DENIED);
    call.control = vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false);
    assert_int_equal(vmb_hv_ports_call(guest->ports, VMB_HV_PRIVILEGE_SIGNAL_EVENTS, &call),
                     VMB_HV_ACCESS_DENIED);
    assert_int_equal(guest->events, 0);
}

static void test_input_block_placement(void **state)
{
    struct guest *guest = *state;
    const uint64_t post = VMB_HV_CALL_POST_MESSAGE;
    const uint64_t signal = VMB_HV_CALL_SIGNAL_EVENT;

    assert_int_equal(guest_call(guest, post, 4), VMB_HV_INVALID_ALIGNMENT);
    assert_int_equal(guest_call(guest, post, 4096 - 248), VMB_HV_INVALID_ALIGNMENT);
    assert_int_equal(guest_call(guest, post, 0x100000), VMB_HV_INVALID_ALIGNMENT);
    assert_int_equal(guest_call(guest, signal, 4), VMB_HV_INVALID_ALIGNMENT);
    vmbi_put_le64(guest->memory + 4088, vmb_hv_signal_event_input(0x2001, 1));
    assert_int_equal(guest_call(guest, signal, 4088), VMB_HV_SUCCESS);
    assert_int_equal(guest->last_flag, 1);
}

static void test_post_message_statuses(void **state)
{
    struct guest *guest = *state;
    const uint64_t post = VMB_HV_CALL_POST_MESSAGE;

    assert_int_equal(guest_post(guest, 1, 7), VMB_HV_SUCCESS);
    assert_int_equal(guest->ready, 1);
    assert_int_equal(guest_post(guest, 2, 7), VMB_HV_INVALID_CONNECTION_ID);
    assert_int_equal(guest_post(guest, 0x2001, 7), VMB_HV_INVALID_PORT_ID);
    vmbi_put_le32(guest->memory + VMB_HV_POST_CONNECTION, 0x01000001);
    assert_int_equal(guest_call(guest, post, 0), VMB_HV_INVALID_CONNECTION_ID);
    vmbi_put_le32(guest->memory + VMB_HV_POST_CONNECTION, 1);
    vmbi_put_le32(guest->memory + VMB_HV_POST_RESERVED, 1);
    assert_int_equal(guest_call(guest, post, 0), VMB_HV_INVALID_PARAMETER);
    vmbi_put_le32(guest->memory + VMB_HV_POST_RESERVED, 0);
    vmbi_put_le32(guest->memory + VMB_HV_POST_TYPE, 0);
    assert_int_equal(guest_call(guest, post, 0), VMB_HV_INVALID_PARAMETER);
    vmbi_put_le32(guest->memory + VMB_HV_POST_TYPE, 0x80000001);
    assert_int_equal(guest_call(guest, post, 0), VMB_HV_INVALID_PARAMETER);
    vmbi_put_le32(guest->memory + VMB_HV_POST_TYPE, 1);
    vmbi_put_le32(guest->memory + VMB_HV_POST_SIZE, 241);
    assert_int_equal(guest_call(guest, post, 0), VMB_HV_INVALID_PARAMETER);
    vmbi_put_le32(guest->memory + VMB_HV_POST_SIZE, 0xFFFFFFFF);
    assert_int_equal(guest_call(guest, post, 0), VMB_HV_INVALID_PARAMETER);
    assert_int_equal(guest->ready, 1);
}

static void test_signal_event_statuses(void **state)
{
    struct guest *guest = *state;
    const uint64_t fast = vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true);

    assert_int_equal(guest_call(guest, fast, vmb_hv_signal_event_input(0x2001, 1)), VMB_HV_SUCCESS);
    assert_int_equal(guest->events, 1);
    assert_int_equal(guest->last_id, 0x2001);
    assert_int_equal(guest->last_flag, 1);
    assert_int_equal(guest_call(guest, fast, vmb_hv_signal_event_input(0x2001, 2)),
                     VMB_HV_INVALID_PARAMETER);
    assert_int_equal(guest_call(guest, fast, vmb_hv_signal_event_input(0x2002, 0)),
                     VMB_HV_INVALID_CONNECTION_ID);
    assert_int_equal(guest_call(guest, fast, vmb_hv_signal_event_input(0x01002001, 0)),
                     VMB_HV_INVALID_CONNECTION_ID);
    assert_int_equal(guest_call(guest, fast, vmb_hv_signal_event_input(1, 0)),
                     VMB_HV_INVALID_PORT_ID);
    assert_int_equal(guest_call(guest, fast, 1ull << 48 | 0x2001), VMB_HV_INVALID_PARAMETER);
    assert_int_equal(guest->events, 1);
}

static void test_sixteen_buffers_in_order(void **state)
{
    struct guest *guest = *state;
    const struct vmb_hv_message *message;
    uint32_t next = 0;

    assert_null(vmb_hv_message_port_peek(&guest->port));
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < VMB_HV_PORT_BUFFERS; i++) {
            assert_int_equal(guest_post(guest, 1, round * 16 + i), VMB_HV_SUCCESS);
        }
        assert_int_equal(guest_post(guest, 1, 99), VMB_HV_INSUFFICIENT_BUFFERS);
        while ((message = vmb_hv_message_port_peek(&guest->port)) != NULL) {
            assert_int_equal(vmbi_le32(message->payload), next++);
            assert_true(message->origin == 1);
            assert_int_equal(message->payload_bytes, 4);
            vmb_hv_message_port_take(&guest->port);
        }
    }
    assert_int_equal(next, 48);
    assert_int_equal(guest->ready, 48);
}

static void test_connections_come_and_go(void **state)
{
    struct guest *guest = *state;

    assert_int_equal(vmb_hv_ports_connect_event(guest->ports, 0x01000000, 1, guest_event, guest),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_ports_connect_event(guest->ports, 7, 0, guest_event, guest),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_ports_connect_event(guest->ports, 7, 1, NULL, guest),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_ports_connect_messages(guest->ports, 7, NULL, guest),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_ports_connect_event(guest->ports, 1, 1, guest_event, guest),
                     VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_hv_ports_disconnect(guest->ports, 7), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_hv_ports_disconnect(guest->ports, 0xFFFFFFFE), VMB_ERR_INVALID_TARGET);
    for (uint32_t id = 10; id < 16; id++) {
        assert_int_equal(vmb_hv_ports_connect_event(guest->ports, id, 1, guest_event, guest),
                         VMB_OK);
    }
    assert_int_equal(vmb_hv_ports_connect_event(guest->ports, 16, 1, guest_event, guest),
                     VMB_ERR_LIMIT);
    /* Ids that share a chain: those cut in its middle must not hide those behind. */
    for (uint32_t id = 10; id < 16; id++) {
        assert_int_equal(vmb_hv_ports_disconnect(guest->ports, id), VMB_OK);
    }
    for (uint32_t round = 0; round < 1000; round++) {
        uint32_t first = 0x30 + 16 * round;

        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(
                vmb_hv_ports_connect_event(guest->ports, first + 16 * i, 1, guest_event, guest),
                VMB_OK);
        }
        assert_int_equal(vmb_hv_ports_disconnect(guest->ports, first + 16 * (round % 6)), VMB_OK);
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(vmb_hv_ports_signal(guest->ports, first + 16 * i, 0),
                             i == round % 6 ? VMB_HV_INVALID_CONNECTION_ID : VMB_HV_SUCCESS);
        }
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(vmb_hv_ports_disconnect(guest->ports, first + 16 * i),
                             i == round % 6 ? VMB_ERR_INVALID_TARGET : VMB_OK);
        }
    }
    assert_int_equal(guest->events, 5000);
}

int main(void)
{
#define WITH_GUEST(test) cmocka_unit_test_setup_teardown(test, guest_setup, guest_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_refuses_bad_arguments),
        WITH_GUEST(test_control_word_statuses),
        WITH_GUEST(test_privileges),
        WITH_GUEST(test_input_block_placement),
        WITH_GUEST(test_post_message_statuses),
        WITH_GUEST(test_signal_event_statuses),
        WITH_GUEST(test_sixteen_buffers_in_order),
        WITH_GUEST(test_connections_come_and_go),
    };

    return cmocka_run_group_tests_name("hv_ports", tests, NULL, NULL);
}
