/* SPDX-License-Identifier: MIT */
/* Taking messages out of a slot: every result, and the order of the five steps as far as one sees.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/hv.h>

#include "base/vmb_le.h"

struct page {
    _Alignas(4096) uint8_t bytes[4096];
};

static uint8_t *slot_put(struct page *page, uint32_t type, uint8_t size, uint8_t flags)
{
    uint8_t *slot = vmb_hv_slot(page->bytes, VMB_HV_SINT_VMBUS);

    vmbi_put_le32(slot + VMB_HV_SLOT_TYPE, type);
    slot[VMB_HV_SLOT_SIZE] = size;
    slot[VMB_HV_SLOT_FLAGS] = flags;
    vmbi_put_le64(slot + VMB_HV_SLOT_ORIGIN, 0x1122334455667788u);
    for (uint32_t i = 0; i < VMB_HV_MESSAGE_MAX; i++) {
        slot[VMB_HV_SLOT_PAYLOAD + i] = (uint8_t)(i + 1);
    }
    return slot;
}

static void test_empty_slot_has_nothing(void **state)
{
    struct page page = {{0}};
    struct vmb_hv_message message;
    bool end_of_message = true;
    void *slot = vmb_hv_slot(page.bytes, 2);

    (void)state;
    assert_false(vmb_hv_slot_occupied(slot));
    assert_int_equal(vmb_hv_slot_take(slot, &message, &end_of_message), VMB_ERR_RING_EMPTY);
    assert_false(end_of_message);
}

static void test_message_is_copied_and_slot_freed(void **state)
{
    struct page page = {{0}};
    struct vmb_hv_message message;
    bool end_of_message = true;
    uint8_t *slot = slot_put(&page, VMB_HV_MESSAGE_VMBUS, 16, 0);

    (void)state;
    assert_true(vmb_hv_slot_occupied(slot));
    assert_int_equal(vmb_hv_slot_take(slot, &message, &end_of_message), VMB_OK);
    assert_false(end_of_message);
    assert_int_equal(message.type, VMB_HV_MESSAGE_VMBUS);
    assert_int_equal(message.payload_bytes, 16);
    assert_int_equal(message.claimed_size, 16);
    assert_true(message.origin == 0x1122334455667788u);
    assert_memory_equal(message.payload, slot + VMB_HV_SLOT_PAYLOAD, 16);
    assert_false(vmb_hv_slot_occupied(slot));
    assert_int_equal(vmb_hv_slot_take(slot, &message, &end_of_message), VMB_ERR_RING_EMPTY);
}

static void test_pending_flag_asks_for_eom(void **state)
{
    struct page page = {{0}};
    struct vmb_hv_message message;
    bool end_of_message = false;
    uint8_t *slot = slot_put(&page, VMB_HV_MESSAGE_TIMER_EXPIRED, 24, VMB_HV_SLOT_FLAG_PENDING);

    (void)state;
    assert_int_equal(vmb_hv_slot_take(slot, &message, &end_of_message), VMB_OK);
    assert_true(end_of_message);
    assert_int_equal(message.type, VMB_HV_MESSAGE_TIMER_EXPIRED);
}

static void test_lying_size_is_capped_and_told(void **state)
{
    struct page page = {{0}};
    struct vmb_hv_message message;
    bool end_of_message;
    uint8_t *slot = slot_put(&page, VMB_HV_MESSAGE_VMBUS, 255, 0xFE);

    (void)state;
    assert_int_equal(vmb_hv_slot_take(slot, &message, &end_of_message), VMB_OK);
    assert_false(end_of_message); /* Only bit 0 means pending. */
    assert_int_equal(message.payload_bytes, 240);
    assert_int_equal(message.claimed_size, 255);
    assert_int_equal(message.payload[239], 240);
}

static void test_places_of_slots_and_flags(void **state)
{
    struct page page = {{0}};

    (void)state;
    assert_ptr_equal(vmb_hv_slot(page.bytes, 0), page.bytes);
    assert_ptr_equal(vmb_hv_slot(page.bytes, 15), page.bytes + 3840);
    assert_ptr_equal(vmb_hv_event_flags(page.bytes, 2), page.bytes + 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_slot_has_nothing),
        cmocka_unit_test(test_message_is_copied_and_slot_freed),
        cmocka_unit_test(test_pending_flag_asks_for_eom),
        cmocka_unit_test(test_lying_size_is_capped_and_told),
        cmocka_unit_test(test_places_of_slots_and_flags),
    };

    return cmocka_run_group_tests_name("hv_slot", tests, NULL, NULL);
}
