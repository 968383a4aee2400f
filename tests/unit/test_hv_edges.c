/* SPDX-License-Identifier: MIT */
/* The hypervisor's part at its edges: what is refused, and embedders that give only what they must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/hv_features.h>
#include <vmbus/hv_ports.h>
#include <vmbus/hv_synic.h>
#include <vmbus/status.h>

#define ALL (VMB_HV_PRIVILEGE_POST_MESSAGES | VMB_HV_PRIVILEGE_SIGNAL_EVENTS)

static uint32_t interrupts, last_vector;
static bool last_auto_eoi;
static _Alignas(4096) uint8_t pages[2][VMB_PAGE_BYTES];

static void interrupt(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    (void)context;
    (void)vp;
    interrupts++;
    last_vector = vector;
    last_auto_eoi = auto_eoi;
}

/* Page 1 is for messages, 2 for events, any other is none. */
static void *map(void *context, uint32_t vp, vmb_gpa page)
{
    uint64_t index = page / VMB_PAGE_BYTES;

    (void)context;
    (void)vp;
    return index == 1 || index == 2 ? pages[index - 1] : NULL;
}

static const struct vmb_hv_synic_platform whole = {
    .struct_bytes = sizeof(whole), .raise_interrupt = interrupt, .map_page = map};

static struct vmb_hv_synic_options small(bool arm64)
{
    return (struct vmb_hv_synic_options){.struct_bytes = sizeof(struct vmb_hv_synic_options),
                                         .vp_count = 1,
                                         .message_buffers = 3,
                                         .arm64 = arm64};
}

static struct vmb_hv_synic *synic_new(void **out_memory, bool arm64)
{
    struct vmb_hv_synic_options options = small(arm64);
    struct vmb_hv_synic *synic = NULL;
    size_t bytes = vmb_hv_synic_memory_bytes(&options);

    *out_memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    memset(pages, 0, sizeof(pages));
    interrupts = 0;
    assert_int_equal(vmb_hv_synic_init(*out_memory, bytes, &options, &whole, &synic), VMB_OK);
    return synic;
}

static void synic_up(struct vmb_hv_synic *synic, uint64_t sint)
{
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_MSR_SIMP, vmb_hv_page_on(0, 0x1000)),
                     VMB_OK);
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, 0x2000)),
                     VMB_OK);
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_MSR_SINT0 + 2, sint), VMB_OK);
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_MSR_SCONTROL, 1), VMB_OK);
}

static void a_synic_needs_its_callbacks(void **state)
{
    _Alignas(64) static uint8_t memory[65536];
    struct vmb_hv_synic_options options = small(false);
    struct vmb_hv_synic_platform platform = whole;
    struct vmb_hv_synic *synic;

    (void)state;
    platform.raise_interrupt = NULL;
    assert_int_equal(vmb_hv_synic_init(memory, sizeof(memory), &options, &platform, &synic),
                     VMB_ERR_INVALID_ARGUMENT);
    platform = whole;
    platform.struct_bytes = 8;
    assert_int_equal(vmb_hv_synic_init(memory, sizeof(memory), &options, &platform, &synic),
                     VMB_ERR_INVALID_ARGUMENT);
    platform.struct_bytes = sizeof(platform) + 8;
    assert_int_equal(vmb_hv_synic_init(memory, sizeof(memory), &options, &platform, &synic),
                     VMB_ERR_INVALID_ARGUMENT);
    options.vp_count = 5000;
    assert_int_equal(vmb_hv_synic_init(memory, sizeof(memory), &options, &whole, &synic),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void pages_come_and_go_though_nobody_wants_them_back(void **state)
{
    void *memory;
    struct vmb_hv_synic *synic = synic_new(&memory, false);

    (void)state;
    synic_up(synic, vmb_hv_sint_on(VMB_HV_SINT_RESET, 0x41, false));
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_MSR_SIMP, vmb_hv_page_off(0x1000)),
                     VMB_OK);
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, "x", 1), VMB_HV_INVALID_SYNIC_STATE);
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_MSR_SIMP, vmb_hv_page_on(0, 0x9000)),
                     VMB_OK);
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, "x", 1), VMB_HV_INVALID_SYNIC_STATE);
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_MSR_SIMP, vmb_hv_page_on(0, 0x1000)),
                     VMB_OK);
    /* A message may be a header and nothing else. */
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, NULL, 0), VMB_HV_SUCCESS);
    assert_int_equal(interrupts, 1);
    assert_false(last_auto_eoi);
    vmb_hv_synic_deinit(synic);
    free(memory);
}

static void the_vp_that_ends_an_interrupt_is_asked_about_its_queue(void **state)
{
    void *memory;
    struct vmb_hv_synic *synic = synic_new(&memory, false);

    (void)state;
    synic_up(synic, vmb_hv_sint_on(VMB_HV_SINT_RESET, 0x41, true));
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, "a", 1), VMB_HV_SUCCESS);
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, "b", 1), VMB_HV_SUCCESS);
    assert_int_equal(vmb_hv_synic_queued(synic, 0, 2), 1);
    assert_int_equal(vmb_hv_synic_queued(synic, 1, 2), 0);  /* No such VP. */
    assert_int_equal(vmb_hv_synic_queued(synic, 0, 16), 0); /* No such SINT. */
    memset(vmb_hv_slot(pages[0], 2), 0, 4);
    vmb_hv_synic_on_eoi(synic, 1, 0x41);
    vmb_hv_synic_on_eoi(synic, 0, 0x42); /* Of another vector. */
    assert_int_equal(vmb_hv_synic_queued(synic, 0, 2), 1);
    vmb_hv_synic_on_eoi(synic, 0, 0x41);
    assert_int_equal(vmb_hv_synic_queued(synic, 0, 2), 0);
    vmb_hv_synic_deinit(synic);
    free(memory);
}

static void interrupt_ids_of_arm64_end_too(void **state)
{
    void *memory;
    struct vmb_hv_synic *synic = synic_new(&memory, true);

    (void)state;
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_ARM64_SIMP, vmb_hv_page_on(0, 0x1000)),
                     VMB_OK);
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_ARM64_SINT0 + 2,
                                        vmb_hv_sint_on_arm64(VMB_HV_SINT_RESET, 0x212)),
                     VMB_OK);
    assert_int_equal(vmb_hv_synic_write(synic, 0, VMB_HV_ARM64_SCONTROL, 1), VMB_OK);
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, "a", 1), VMB_HV_SUCCESS);
    assert_int_equal(vmb_hv_synic_post(synic, 0, 2, 1, 0, "b", 1), VMB_HV_SUCCESS);
    memset(vmb_hv_slot(pages[0], 2), 0, 4);
    vmb_hv_synic_on_eoi(synic, 0, 0x212);
    assert_int_equal(vmb_hv_synic_queued(synic, 0, 2), 0);
    assert_int_equal(last_vector, 0x212);
    vmb_hv_synic_deinit(synic);
    free(memory);
}

/* ---- Ports -----------------------------------------------------------------------------------
 */

static void on_event(void *context, uint32_t connection_id, uint32_t flag)
{
    (void)context;
    (void)connection_id;
    (void)flag;
}

static void ports_without_guest_memory_take_fast_calls_only(void **state)
{
    struct vmb_hv_ports_options options = {.struct_bytes = sizeof(options)};
    struct vmb_hv_ports_platform platform = {.struct_bytes = sizeof(platform)};
    struct vmb_hv_call call = {vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, false), 0x1000, 0};
    size_t bytes = vmb_hv_ports_memory_bytes(&options); /* As many connections as usual. */
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    struct vmb_hv_ports *ports;

    (void)state;
    assert_int_equal(vmb_hv_ports_init(memory, bytes, &options, &platform, &ports), VMB_OK);
    assert_int_equal(vmb_hv_ports_connect_event(ports, 5, 2048, on_event, NULL), VMB_OK);
    assert_int_equal(vmb_hv_ports_connect_event(ports, 6, 2049, on_event, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_not_equal(vmb_hv_ports_call(ports, ALL, &call) & 0xFFFFu, VMB_HV_SUCCESS);
    call = (struct vmb_hv_call){vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true), 5, 0};
    assert_int_equal(vmb_hv_ports_call(ports, ALL, &call) & 0xFFFFu, VMB_HV_SUCCESS);
    options.connection_limit = 65537;
    assert_int_equal(vmb_hv_ports_init(memory, bytes, &options, &platform, &ports),
                     VMB_ERR_INVALID_ARGUMENT);
    free(memory);
}

static void a_message_port_takes_what_fits(void **state)
{
    struct vmb_hv_message_port *port = aligned_alloc(64, (sizeof(*port) + 63) / 64 * 64);
    uint8_t bytes[VMB_HV_MESSAGE_MAX + 1] = {0};

    (void)state;
    vmb_hv_message_port_init(port, NULL, NULL); /* Whoever reads it looks by itself. */
    assert_int_equal(vmb_hv_message_port_post(port, 1, 1, bytes, sizeof(bytes)),
                     VMB_HV_INVALID_PARAMETER);
    assert_int_equal(vmb_hv_message_port_post(port, 1, 1, NULL, 0), VMB_HV_SUCCESS);
    assert_non_null(vmb_hv_message_port_peek(port));
    assert_int_equal(vmb_hv_message_port_peek(port)->payload_bytes, 0);
    vmb_hv_message_port_take(port);
    assert_null(vmb_hv_message_port_peek(port));
    free(port);
}

/* ---- Words -----------------------------------------------------------------------------------
 */

static void everything_that_is_missing_has_words(void **state)
{
    struct vmb_hv_cpuid leaves = {.processor = {.ecx = 1u << 31},
                                  .vendor = {0x4000000C, 0x7263694D, 0x666F736F, 0x76482074},
                                  .interface = {.eax = 0x31237648}};
    struct vmb_hv_features features;

    (void)state;
    for (uint32_t bit = 1; bit <= VMB_HV_MISSING_SIGNAL_EVENTS; bit <<= 1) {
        assert_string_not_equal(vmb_hv_missing_text((enum vmb_hv_missing)bit), "unknown");
    }
    assert_string_equal(vmb_hv_missing_text((enum vmb_hv_missing)0), "unknown");
    leaves.vendor.ebx ^= 1;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_ERR_UNSUPPORTED);
    assert_int_equal(features.missing, VMB_HV_MISSING_VENDOR);
    leaves.vendor.ebx ^= 1;
    leaves.vendor.edx ^= 1;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_ERR_UNSUPPORTED);
    assert_int_equal(features.missing, VMB_HV_MISSING_VENDOR);
}

static void every_status_has_a_name_and_words(void **state)
{
    static const vmb_status all[] = {
#define STATUS(name, value, text) name,
        VMB_STATUS_MAP(STATUS)
#undef STATUS
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_int_equal(strncmp(vmb_status_name(all[i]), "VMB_", 4), 0);
        assert_string_not_equal(vmb_status_name(all[i]), "VMB_ERR_?");
        assert_string_not_equal(vmb_status_text(all[i]), vmb_status_text((vmb_status)-999));
    }
    assert_string_equal(vmb_status_name((vmb_status)-999), "VMB_ERR_?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_synic_needs_its_callbacks),
        cmocka_unit_test(pages_come_and_go_though_nobody_wants_them_back),
        cmocka_unit_test(the_vp_that_ends_an_interrupt_is_asked_about_its_queue),
        cmocka_unit_test(interrupt_ids_of_arm64_end_too),
        cmocka_unit_test(ports_without_guest_memory_take_fast_calls_only),
        cmocka_unit_test(a_message_port_takes_what_fits),
        cmocka_unit_test(everything_that_is_missing_has_words),
        cmocka_unit_test(every_status_has_a_name_and_words),
    };

    return cmocka_run_group_tests_name("hv edges", tests, NULL, NULL);
}
