/* SPDX-License-Identifier: MIT */
/* The emulated SynIC, one step at a time: every status, every order of message, slot and EOM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/hv_synic.h>

#include "base/vmb_le.h"

#define VECTOR       0x41u
#define MESSAGE_GPA  0x1000u
#define EVENT_GPA    0x2000u
#define OTHER_GPA    0x3000u
#define NO_GPA       0x9000u
#define MAPPED_PAGES 4u

struct machine {
    uint8_t pages[MAPPED_PAGES][VMB_PAGE_BYTES];
    int mapped[MAPPED_PAGES];
    uint32_t interrupts;
    uint32_t last_vp;
    uint32_t last_vector;
    bool last_auto_eoi;
    struct vmb_hv_synic *synic;
    void *memory;
};

static void machine_interrupt(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    struct machine *machine = context;

    machine->interrupts++;
    machine->last_vp = vp;
    machine->last_vector = vector;
    machine->last_auto_eoi = auto_eoi;
}

static void *machine_map(void *context, uint32_t vp, vmb_gpa page)
{
    struct machine *machine = context;

    (void)vp;
    if (page / VMB_PAGE_BYTES >= MAPPED_PAGES) {
        return NULL;
    }
    machine->mapped[page / VMB_PAGE_BYTES]++;
    return machine->pages[page / VMB_PAGE_BYTES];
}

static void machine_unmap(void *context, uint32_t vp, void *page)
{
    struct machine *machine = context;

    (void)vp;
    machine->mapped[(uint32_t)((uint8_t *)page - machine->pages[0]) / VMB_PAGE_BYTES]--;
}

static void machine_write(struct machine *machine, uint32_t number, uint64_t value)
{
    assert_int_equal(vmb_hv_synic_write(machine->synic, 1, number, value), VMB_OK);
}

/* Bring VP 1 up in the order of TLFS. */
static void machine_up(struct machine *machine)
{
    machine_write(machine, VMB_HV_MSR_SIMP, vmb_hv_page_on(0, MESSAGE_GPA));
    machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, EVENT_GPA));
    machine_write(machine, VMB_HV_MSR_SINT0 + 2, vmb_hv_sint_on(VMB_HV_SINT_RESET, VECTOR, true));
    machine_write(machine, VMB_HV_MSR_SCONTROL, vmb_hv_scontrol_on(0));
}

static int machine_setup_with(void **state, bool arm64)
{
    const struct vmb_hv_synic_options options = {
        .struct_bytes = sizeof(options),
        .vp_count = 2,
        .message_buffers = 3,
        .arm64 = arm64,
    };
    struct machine *machine = calloc(1, sizeof(*machine));
    const struct vmb_hv_synic_platform platform = {
        .struct_bytes = sizeof(platform),
        .context = machine,
        .raise_interrupt = machine_interrupt,
        .map_page = machine_map,
        .unmap_page = machine_unmap,
    };
    size_t bytes = vmb_hv_synic_memory_bytes(&options);

    machine->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_int_equal(
        vmb_hv_synic_init(machine->memory, bytes, &options, &platform, &machine->synic), VMB_OK);
    *state = machine;
    return 0;
}

static int machine_setup(void **state)
{
    (void)machine_setup_with(state, false);
    machine_up(*state);
    return 0;
}

static int machine_setup_off(void **state)
{
    return machine_setup_with(state, false);
}

static int machine_setup_arm64(void **state)
{
    return machine_setup_with(state, true);
}

static int machine_teardown(void **state)
{
    struct machine *machine = *state;

    vmb_hv_synic_deinit(machine->synic);
    for (uint32_t i = 0; i < MAPPED_PAGES; i++) {
        assert_int_equal(machine->mapped[i], 0);
    }
    free(machine->memory);
    free(machine);
    return 0;
}

static void *machine_slot(struct machine *machine)
{
    return vmb_hv_slot(machine->pages[MESSAGE_GPA / VMB_PAGE_BYTES], 2);
}

static vmb_hv_result machine_post(struct machine *machine, uint32_t number)
{
    uint8_t payload[4];

    vmbi_put_le32(payload, number);
    return vmb_hv_synic_post(machine->synic, 1, 2, 1, 0x77, payload, sizeof(payload));
}

/* Take what is in the slot; returns its number. */
static uint32_t machine_take(struct machine *machine, bool *out_eom)
{
    struct vmb_hv_message message;

    assert_int_equal(vmb_hv_slot_take(machine_slot(machine), &message, out_eom), VMB_OK);
    assert_int_equal(message.payload_bytes, 4);
    assert_true(message.origin == 0x77);
    return vmbi_le32(message.payload);
}

static void test_init_refuses_bad_arguments(void **state)
{
    struct vmb_hv_synic_options options = {.struct_bytes = sizeof(options)};
    struct vmb_hv_synic_platform platform = {
        .struct_bytes = sizeof(platform),
        .raise_interrupt = machine_interrupt,
        .map_page = machine_map,
    };
    struct vmb_hv_synic *synic;
    size_t bytes = vmb_hv_synic_memory_bytes(&options);
    _Alignas(64) static uint8_t memory[65536];

    (void)state;
    assert_in_range(bytes, 4096, sizeof(memory));
    assert_int_equal(vmb_hv_synic_init(memory, bytes - 1, &options, &platform, &synic),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(vmb_hv_synic_init(memory + 8, bytes, &options, &platform, &synic),
                     VMB_ERR_INVALID_ARGUMENT);
    platform.map_page = NULL;
    assert_int_equal(vmb_hv_synic_init(memory, bytes, &options, &platform, &synic),
                     VMB_ERR_INVALID_ARGUMENT);
    platform.map_page = machine_map;
    platform.struct_bytes = offsetof(struct vmb_hv_synic_platform, unmap_page); /* An older one. */
    assert_int_equal(vmb_hv_synic_init(memory, bytes, &options, &platform, &synic), VMB_OK);
    options.struct_bytes++;
    assert_int_equal(vmb_hv_synic_memory_bytes(&options), 0);
    options.struct_bytes--;
    options.vp_count = 4097;
    assert_int_equal(vmb_hv_synic_memory_bytes(&options), 0);
    options.vp_count = 1;
    options.message_buffers = 1025;
    assert_int_equal(vmb_hv_synic_memory_bytes(&options), 0);
}

static void test_registers_after_reset(void **state)
{
    struct machine *machine = *state;
    uint64_t value;

    assert_int_equal(vmb_hv_synic_read(machine->synic, 0, VMB_HV_MSR_SCONTROL, &value), VMB_OK);
    assert_true(value == 0);
    assert_int_equal(vmb_hv_synic_read(machine->synic, 0, VMB_HV_MSR_SVERSION, &value), VMB_OK);
    assert_true(value == 1);
    assert_int_equal(vmb_hv_synic_read(machine->synic, 0, VMB_HV_MSR_EOM, &value), VMB_OK);
    assert_true(value == 0);
    for (uint32_t i = 0; i < VMB_HV_SINT_COUNT; i++) {
        assert_int_equal(vmb_hv_synic_read(machine->synic, 0, VMB_HV_MSR_SINT0 + i, &value),
                         VMB_OK);
        assert_true(value == 0x10000);
    }
    assert_int_equal(vmb_hv_synic_read(machine->synic, 0, VMB_HV_MSR_SINT0 + 16, &value),
                     VMB_ERR_UNSUPPORTED);
    assert_int_equal(vmb_hv_synic_read(machine->synic, 0, VMB_HV_ARM64_SCONTROL, &value),
                     VMB_ERR_UNSUPPORTED);
    assert_int_equal(vmb_hv_synic_read(machine->synic, 2, VMB_HV_MSR_SCONTROL, &value),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void test_registers_keep_every_bit(void **state)
{
    static const uint32_t numbers[] = {VMB_HV_MSR_SCONTROL, VMB_HV_MSR_SIMP, VMB_HV_MSR_SIEFP,
                                       VMB_HV_MSR_SINT0 + 15};
    struct machine *machine = *state;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t value = 0;

        machine_write(machine, numbers[i], 0xA5A5A5A5A5A51F40ull);
        assert_int_equal(vmb_hv_synic_read(machine->synic, 1, numbers[i], &value), VMB_OK);
        assert_true(value == 0xA5A5A5A5A5A51F40ull);
    }
}

static void test_register_faults(void **state)
{
    struct machine *machine = *state;

    assert_int_equal(vmb_hv_synic_write(machine->synic, 1, VMB_HV_MSR_SVERSION, 1),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_synic_write(machine->synic, 1, VMB_HV_MSR_SINT0, 15),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_synic_write(machine->synic, 1, VMB_HV_MSR_SINT0, 16), VMB_OK);
    assert_int_equal(vmb_hv_synic_write(machine->synic, 1, VMB_HV_MSR_SINT0, VMB_HV_SINT_RESET),
                     VMB_OK);
    assert_int_equal(vmb_hv_synic_write(machine->synic, 2, VMB_HV_MSR_SCONTROL, 1),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_synic_write(machine->synic, 1, VMB_HV_MSR_HYPERCALL, 1),
                     VMB_ERR_UNSUPPORTED);
}

static void test_signal_interrupts_on_the_edge_only(void **state)
{
    struct machine *machine = *state;
    bool newly = false;

    assert_int_equal(vmb_hv_synic_signal(machine->synic, 1, 2, 2047, &newly), VMB_HV_SUCCESS);
    assert_true(newly);
    assert_int_equal(machine->pages[2][2 * 256 + 255], 0x80);
    assert_int_equal(machine->interrupts, 1);
    assert_int_equal(machine->last_vp, 1);
    assert_int_equal(machine->last_vector, VECTOR);
    assert_true(machine->last_auto_eoi);
    assert_int_equal(vmb_hv_synic_signal(machine->synic, 1, 2, 2047, &newly), VMB_HV_SUCCESS);
    assert_false(newly);
    assert_int_equal(machine->interrupts, 1);
    /* Another flag of the same word is another edge. */
    assert_int_equal(vmb_hv_synic_signal(machine->synic, 1, 2, 2046, NULL), VMB_HV_SUCCESS);
    assert_int_equal(machine->interrupts, 2);
}

static void test_signal_statuses(void **state)
{
    struct machine *machine = *state;
    struct vmb_hv_synic *synic = machine->synic;
    struct vmb_hv_synic_counters counters;

    assert_int_equal(vmb_hv_synic_signal(synic, 2, 2, 1, NULL), VMB_HV_INVALID_VP_INDEX);
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 16, 1, NULL), VMB_HV_INVALID_PARAMETER);
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 2, 2048, NULL), VMB_HV_INVALID_PARAMETER);
    assert_int_equal(vmb_hv_synic_signal(synic, 0, 2, 1, NULL), VMB_HV_INVALID_SYNIC_STATE);
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 3, 1, NULL), VMB_HV_INVALID_SYNIC_STATE);
    machine_write(machine, VMB_HV_MSR_SINT0 + 2, vmb_hv_sint_off(VECTOR));
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 2, 1, NULL), VMB_HV_INVALID_SYNIC_STATE);
    assert_int_equal(machine->pages[2][512], 0); /* Refused: the flag is not set. */
    machine_write(machine, VMB_HV_MSR_SINT0 + 2, VECTOR | VMB_HV_SINT_POLLING);
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 2, 1, NULL), VMB_HV_SUCCESS);
    assert_int_equal(machine->pages[2][512], 2);
    assert_int_equal(machine->interrupts, 0); /* Polled: set, but no interrupt. */
    machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_off(EVENT_GPA));
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 2, 1, NULL), VMB_HV_INVALID_SYNIC_STATE);
    machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, NO_GPA));
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 2, 1, NULL), VMB_HV_INVALID_SYNIC_STATE);
    machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, OTHER_GPA));
    machine_write(machine, VMB_HV_MSR_SCONTROL, 0);
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 2, 1, NULL), VMB_HV_INVALID_SYNIC_STATE);
    machine_write(machine, VMB_HV_MSR_SCONTROL, 1);
    assert_int_equal(vmb_hv_synic_signal(synic, 1, 2, 1, NULL), VMB_HV_SUCCESS);
    assert_int_equal(machine->pages[3][512], 2);
    assert_int_equal(vmb_hv_synic_read_counters(synic, 1, &counters), VMB_OK);
    assert_int_equal(counters.signals, 2);
    assert_int_equal(counters.signals_refused, 5);
    assert_int_equal(counters.interrupts, 0);
    assert_int_equal(vmb_hv_synic_read_counters(synic, 2, &counters), VMB_ERR_INVALID_ARGUMENT);
}

static void test_message_waits_for_the_slot(void **state)
{
    struct machine *machine = *state;
    bool eom;

    assert_int_equal(machine_post(machine, 10), VMB_HV_SUCCESS);
    assert_int_equal(machine->interrupts, 1);
    assert_int_equal(machine_post(machine, 11), VMB_HV_SUCCESS);
    assert_int_equal(machine_post(machine, 12), VMB_HV_SUCCESS);
    assert_int_equal(machine->interrupts, 1);
    assert_int_equal(vmb_hv_synic_queued(machine->synic, 1, 2), 2);
    assert_int_equal(machine_take(machine, &eom), 10);
    assert_true(eom); /* 11 and 12 wait, and only EOM brings them. */
    assert_false(vmb_hv_slot_occupied(machine_slot(machine)));
    machine_write(machine, VMB_HV_MSR_EOM, 0);
    assert_int_equal(machine->interrupts, 2);
    assert_int_equal(machine_take(machine, &eom), 11);
    assert_true(eom); /* The flag came with the message. */
    vmb_hv_synic_on_eoi(machine->synic, 1, VECTOR + 1);
    assert_false(vmb_hv_slot_occupied(machine_slot(machine)));
    vmb_hv_synic_on_eoi(machine->synic, 1, VECTOR);
    assert_int_equal(machine_take(machine, &eom), 12);
    assert_false(eom);
    assert_int_equal(machine->interrupts, 3);
}

static void test_another_message_also_brings_the_queue(void **state)
{
    struct machine *machine = *state;
    bool eom;

    assert_int_equal(machine_post(machine, 1), VMB_HV_SUCCESS);
    assert_int_equal(machine_post(machine, 2), VMB_HV_SUCCESS);
    assert_int_equal(machine_take(machine, &eom), 1);
    assert_int_equal(machine_post(machine, 3), VMB_HV_SUCCESS);
    assert_int_equal(machine_take(machine, &eom), 2);
    machine_write(machine, VMB_HV_MSR_EOM, 0);
    assert_int_equal(machine_take(machine, &eom), 3);
}

static void test_message_buffers_are_bounded(void **state)
{
    struct machine *machine = *state;
    struct vmb_hv_synic_counters counters;
    bool eom;

    for (uint32_t i = 0; i < 4; i++) { /* One in the slot, three in buffers. */
        assert_int_equal(machine_post(machine, i), VMB_HV_SUCCESS);
    }
    assert_int_equal(machine_post(machine, 9), VMB_HV_INSUFFICIENT_BUFFERS);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(machine_take(machine, &eom), i);
        machine_write(machine, VMB_HV_MSR_EOM, 0);
    }
    assert_int_equal(vmb_hv_synic_read_counters(machine->synic, 1, &counters), VMB_OK);
    assert_int_equal(counters.messages_accepted, 4);
    assert_int_equal(counters.messages_delivered, 4);
    assert_int_equal(counters.messages_refused, 1);
    /* A taken slot frees a buffer even without EOM: another message is a trigger, too. */
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(machine_post(machine, i), VMB_HV_SUCCESS);
    }
    assert_int_equal(machine_take(machine, &eom), 0);
    assert_int_equal(machine_post(machine, 4), VMB_HV_SUCCESS);
}

static void test_post_statuses(void **state)
{
    struct machine *machine = *state;
    struct vmb_hv_synic *synic = machine->synic;
    uint8_t payload[241] = {0};
    bool eom;

    assert_int_equal(vmb_hv_synic_post(synic, 2, 2, 1, 0, payload, 4), VMB_HV_INVALID_VP_INDEX);
    assert_int_equal(vmb_hv_synic_post(synic, 1, 16, 1, 0, payload, 4), VMB_HV_INVALID_PARAMETER);
    assert_int_equal(vmb_hv_synic_post(synic, 1, 2, 0, 0, payload, 4), VMB_HV_INVALID_PARAMETER);
    assert_int_equal(vmb_hv_synic_post(synic, 1, 2, 1, 0, payload, 241), VMB_HV_INVALID_PARAMETER);
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, payload, 4), VMB_HV_INVALID_SYNIC_STATE);
    assert_int_equal(vmb_hv_synic_post(synic, 1, 4, 0x80000010, 0, payload, 240), VMB_HV_SUCCESS);
    assert_int_equal(machine->interrupts, 0); /* SINT 4 is masked: delivered, interrupt lost. */
    assert_true(vmb_hv_slot_occupied(vmb_hv_slot(machine->pages[1], 4)));
    /* What was queued stays queued while the SynIC is off, and comes when it is on. */
    assert_int_equal(machine_post(machine, 1), VMB_HV_SUCCESS);
    assert_int_equal(machine_post(machine, 2), VMB_HV_SUCCESS);
    machine_write(machine, VMB_HV_MSR_SCONTROL, 0);
    assert_int_equal(machine_post(machine, 3), VMB_HV_INVALID_SYNIC_STATE);
    assert_int_equal(machine_take(machine, &eom), 1);
    machine_write(machine, VMB_HV_MSR_EOM, 0);
    assert_false(vmb_hv_slot_occupied(machine_slot(machine)));
    machine_write(machine, VMB_HV_MSR_SCONTROL, 1);
    assert_int_equal(machine_take(machine, &eom), 2);
    assert_int_equal(vmb_hv_synic_queued(synic, 1, 16), 0);
}

static void test_pages_are_mapped_once_and_let_go(void **state)
{
    struct machine *machine = *state;

    assert_int_equal(machine->mapped[EVENT_GPA / VMB_PAGE_BYTES], 1);
    machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, EVENT_GPA) | 0xF0);
    assert_int_equal(machine->mapped[EVENT_GPA / VMB_PAGE_BYTES], 1);
    machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, OTHER_GPA));
    assert_int_equal(machine->mapped[EVENT_GPA / VMB_PAGE_BYTES], 0);
    assert_int_equal(machine->mapped[OTHER_GPA / VMB_PAGE_BYTES], 1);
    assert_int_equal(machine_post(machine, 1), VMB_HV_SUCCESS);
    assert_int_equal(machine_post(machine, 2), VMB_HV_SUCCESS);
    assert_int_equal(vmb_hv_synic_reset_vp(machine->synic, 1), VMB_OK);
    assert_int_equal(machine->mapped[OTHER_GPA / VMB_PAGE_BYTES], 0);
    assert_int_equal(vmb_hv_synic_queued(machine->synic, 1, 2), 0);
    assert_int_equal(vmb_hv_synic_signal(machine->synic, 1, 2, 1, NULL),
                     VMB_HV_INVALID_SYNIC_STATE);
    assert_int_equal(vmb_hv_synic_reset_vp(machine->synic, 2), VMB_ERR_INVALID_ARGUMENT);
}

static void test_arm64_names_and_interrupt_ids(void **state)
{
    struct machine *machine = *state;

    machine_write(machine, VMB_HV_ARM64_SIMP, vmb_hv_page_on(0, MESSAGE_GPA));
    machine_write(machine, VMB_HV_ARM64_SIEFP, vmb_hv_page_on(0, EVENT_GPA));
    machine_write(machine, VMB_HV_ARM64_SINT0 + 2,
                  vmb_hv_sint_on_arm64(VMB_HV_SINT_RESET, 0x212) | VMB_HV_SINT_AUTO_EOI);
    machine_write(machine, VMB_HV_ARM64_SCONTROL, 1);
    assert_int_equal(vmb_hv_synic_signal(machine->synic, 1, 2, 0, NULL), VMB_HV_SUCCESS);
    assert_int_equal(machine->last_vector, 0x212);
    assert_false(machine->last_auto_eoi);
    assert_int_equal(vmb_hv_synic_write(machine->synic, 1, VMB_HV_MSR_SCONTROL, 1),
                     VMB_ERR_UNSUPPORTED);
    assert_int_equal(machine_post(machine, 5), VMB_HV_SUCCESS);
    assert_true(vmb_hv_slot_occupied(machine_slot(machine)));
}

int main(void)
{
#define ON(test)  cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)
#define OFF(test) cmocka_unit_test_setup_teardown(test, machine_setup_off, machine_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_refuses_bad_arguments),
        OFF(test_registers_after_reset),
        OFF(test_registers_keep_every_bit),
        ON(test_register_faults),
        ON(test_signal_interrupts_on_the_edge_only),
        ON(test_signal_statuses),
        ON(test_message_waits_for_the_slot),
        ON(test_another_message_also_brings_the_queue),
        ON(test_message_buffers_are_bounded),
        ON(test_post_statuses),
        ON(test_pages_are_mapped_once_and_let_go),
        cmocka_unit_test_setup_teardown(test_arm64_names_and_interrupt_ids, machine_setup_arm64,
                                        machine_teardown),
    };

    return cmocka_run_group_tests_name("hv_synic", tests, NULL, NULL);
}
