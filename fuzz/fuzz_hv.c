/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's half: any register written with anything, hypercalls with any input, messages
 * and events from anywhere; and the guest's slot, whatever lies in it. Pages that the SynIC does
 * not use are poisoned. The first byte of an input says whether it is such a session, CPUID leaves,
 * what a guest makes of registers and calls, or a user who asks for what cannot be.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>
#include <vmbus/hv.h>
#include <vmbus/hv_features.h>
#include <vmbus/hv_ports.h>
#include <vmbus/hv_registers.h>
#include <vmbus/hv_synic.h>

#define FUZZ_LONGEST 256 /* Bytes of an input. */

enum {
    VPS = 2,
    PAGES = 4,
    FIRST_GPN = 0x10,
    OPS = 64,
    CONNECTIONS = 4
};

static struct vmb_hv_synic *synic;
static struct vmb_hv_ports *ports;
static struct vmb_hv_message_port port;
static uint8_t *synic_memory, *ports_memory, *pages, *input_page;
static size_t synic_bytes, ports_bytes;
static uint32_t page_users[PAGES];

static void raise_interrupt(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    (void)context;
    (void)auto_eoi;
    FUZZ_CHECK(vp < VPS && vector < 256u);
}

static void *map_page(void *context, uint32_t vp, vmb_gpa page)
{
    uint64_t gpn = page / VMB_PAGE_BYTES;

    (void)context;
    FUZZ_CHECK(vp < VPS);
    if (gpn < FIRST_GPN || gpn >= FIRST_GPN + PAGES) {
        return NULL;
    }
    page_users[gpn - FIRST_GPN]++;
    ASAN_UNPOISON_MEMORY_REGION(pages + (gpn - FIRST_GPN) * VMB_PAGE_BYTES, VMB_PAGE_BYTES);
    return pages + (gpn - FIRST_GPN) * VMB_PAGE_BYTES;
}

static void unmap_page(void *context, uint32_t vp, void *page)
{
    size_t index = (size_t)((uint8_t *)page - pages) / VMB_PAGE_BYTES;

    (void)context;
    (void)vp;
    FUZZ_CHECK(index < PAGES && page_users[index] > 0);
    if (--page_users[index] == 0) {
        ASAN_POISON_MEMORY_REGION(page, VMB_PAGE_BYTES);
    }
}

static vmb_status read_guest(void *context, vmb_gpa address, void *buffer, uint32_t bytes)
{
    (void)context;
    FUZZ_CHECK(address % VMB_PAGE_BYTES + bytes <= VMB_PAGE_BYTES);
    if (address / VMB_PAGE_BYTES != FIRST_GPN) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    memcpy(buffer, input_page + address % VMB_PAGE_BYTES, bytes);
    return VMB_OK;
}

static void on_event(void *context, uint32_t connection_id, uint32_t flag)
{
    (void)context;
    FUZZ_CHECK(connection_id < CONNECTIONS && flag < 4u);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct vmb_hv_synic_options options = {
        .struct_bytes = sizeof(options), .vp_count = VPS, .message_buffers = 4};
    struct vmb_hv_ports_options port_options = {.struct_bytes = sizeof(port_options),
                                                .connection_limit = CONNECTIONS};

    (void)argc;
    (void)argv;
    synic_bytes = vmb_hv_synic_memory_bytes(&options);
    ports_bytes = vmb_hv_ports_memory_bytes(&port_options);
    synic_memory = fuzz_object(synic_bytes);
    ports_memory = fuzz_object(ports_bytes);
    pages = fuzz_pages(PAGES);
    input_page = fuzz_pages(1);
    ASAN_POISON_MEMORY_REGION(pages, (size_t)PAGES * VMB_PAGE_BYTES);
    return 0;
}

static void begin(bool arm64)
{
    struct vmb_hv_synic_options options = {
        .struct_bytes = sizeof(options), .vp_count = VPS, .message_buffers = 4, .arm64 = arm64};
    struct vmb_hv_synic_platform platform = {.struct_bytes = sizeof(platform),
                                             .raise_interrupt = raise_interrupt,
                                             .map_page = map_page,
                                             .unmap_page = unmap_page};
    struct vmb_hv_ports_options port_options = {.struct_bytes = sizeof(port_options),
                                                .connection_limit = CONNECTIONS};
    struct vmb_hv_ports_platform port_platform = {.struct_bytes = sizeof(port_platform),
                                                  .read_guest = read_guest};

    FUZZ_CHECK(vmb_hv_synic_init(synic_memory, synic_bytes, &options, &platform, &synic) == VMB_OK);
    FUZZ_CHECK(vmb_hv_ports_init(ports_memory, ports_bytes, &port_options, &port_platform,
                                 &ports) == VMB_OK);
    vmb_hv_message_port_init(&port, NULL, NULL);
}

static void guest_writes_register(struct feed *feed)
{
    static const uint32_t numbers[] = {0x40000080u, 0x40000081u, 0x40000082u, 0x40000083u,
                                       0x40000084u, 0x40000092u, 0x40000093u, 0x000A0012u,
                                       0x000A0013u, 0x000A0010u, 0x000A0002u, 0x000A0014u};
    uint32_t shape = feed_u8(feed);
    uint32_t number = numbers[shape % 12u] + (shape >> 7);
    uint64_t value =
        (shape & 0x10u) != 0 ? feed_u64(feed) : (FIRST_GPN + (feed_u8(feed) & 7ull)) << 12 | 1u;

    if ((shape & 0x20u) != 0) {
        value = feed_u8(feed) | (uint64_t)(feed_u8(feed) & 3u) << 16; /* A SINT, SCONTROL. */
    }
    (void)vmb_hv_synic_write(synic, shape >> 6 & 1u, number, value);
    (void)vmb_hv_synic_read(synic, shape >> 6 & 1u, number, &value);
}

/* The guest empties a slot, or whatever it finds there. */
static void guest_takes(struct feed *feed)
{
    struct vmb_hv_message message;
    uint32_t page = feed_u8(feed) % PAGES, sint = feed_u8(feed) % 16u;
    bool end_of_message;
    uint8_t *slot;

    if (page_users[page] == 0) {
        return;
    }
    slot = vmb_hv_slot(pages + (size_t)page * VMB_PAGE_BYTES, sint);
    (void)feed_bytes(feed, slot, feed_u8(feed) & 7u);
    if (vmb_hv_slot_take(slot, &message, &end_of_message) == VMB_OK) {
        FUZZ_CHECK(message.type != 0 && message.payload_bytes <= VMB_HV_MESSAGE_MAX);
    }
}

static void guest_calls(struct feed *feed)
{
    uint32_t shape = feed_u8(feed), at = feed_u8(feed) * 8u;
    struct vmb_hv_call call = {.control = (shape & 1u) != 0 ? 0x5Cu : 0x5Du};
    uint64_t result;

    (void)feed_bytes(feed, input_page + at, 24);
    input_page[at] &= 7u;
    memset(input_page + at + 1, 0, 3);
    call.control |= (shape & 2u) != 0 ? 1ull << 16 : 0;
    call.input = (shape & 2u) != 0
                     ? (feed_u8(feed) & 7ull) | (feed_u8(feed) & 7ull) << 32
                     : FIRST_GPN * 4096ull + (shape >> 6) + ((shape & 0x10u) != 0 ? 4088u : at);
    if ((shape & 4u) != 0) {
        call.control ^= 1ull << (feed_u8(feed) & 63u);
    }
    call.output = feed_u8(feed);
    result = vmb_hv_ports_call(ports, (shape & 8u) != 0 ? 0 : UINT64_MAX, &call);
    (void)vmb_hv_call_status(result);
    (void)vmb_hv_post_message_status(result);
    FUZZ_CHECK(vmb_hv_call_name(result) != NULL && vmb_hv_call_text(result) != NULL);
}

static void host_acts(struct feed *feed)
{
    uint32_t shape = feed_u8(feed), id = shape >> 2 & 7u;
    const struct vmb_hv_message *message;
    struct vmb_hv_synic_counters counters;
    vmb_status status;

    switch (shape & 3u) {
    case 0:
        status =
            vmb_hv_ports_connect_messages(ports, id % CONNECTIONS, vmb_hv_message_port_post, &port);
        break;
    case 1:
        status =
            vmb_hv_ports_connect_event(ports, id % CONNECTIONS, 1u + (id & 3u), on_event, NULL);
        break;
    case 2:
        status = vmb_hv_ports_disconnect(ports, id);
        break;
    default:
        if (id == 6u) {
            status = vmb_hv_synic_reset_vp(synic, shape >> 5);
            FUZZ_CHECK((status == VMB_OK) == (shape >> 5 < VPS));
            return;
        }
        if (id == 7u) {
            status = vmb_hv_synic_read_counters(synic, shape >> 5, &counters);
            FUZZ_CHECK((status == VMB_OK) == (shape >> 5 < VPS));
            return;
        }
        message = vmb_hv_message_port_peek(&port);
        if (message != NULL) {
            FUZZ_CHECK(message->payload_bytes <= VMB_HV_MESSAGE_MAX);
            vmb_hv_message_port_take(&port);
        }
        return;
    }
    (void)status;
}

/* A flag of a SINT that guest_writes_register() reaches, or of none; it is new only once. */
static void host_signals(struct feed *feed, uint32_t what)
{
    uint32_t vp = what >> 4 & 3u, sint = 2u + (what >> 3 & 17u), flag = feed_u16(feed) & 0xFFFu;
    bool newly_set = false;

    if (vmb_hv_synic_signal(synic, vp, sint, flag, &newly_set) == VMB_HV_SUCCESS) {
        FUZZ_CHECK(vp < VPS && sint < VMB_HV_SINT_COUNT && flag < VMB_HV_FLAGS_PER_SINT);
        FUZZ_CHECK(vmb_hv_synic_signal(synic, vp, sint, flag, NULL) == VMB_HV_SUCCESS);
        FUZZ_CHECK(vmb_hv_synic_signal(synic, vp, sint, flag, &newly_set) == VMB_HV_SUCCESS);
        FUZZ_CHECK(!newly_set);
    } else {
        FUZZ_CHECK(!newly_set);
    }
}

static void one_step(struct feed *feed)
{
    uint32_t what = feed_u8(feed);
    uint8_t payload[256];

    switch (what & 7u) {
    case 0:
    case 1:
        guest_writes_register(feed);
        break;
    case 2:
        host_signals(feed, what);
        break;
    case 3:
        (void)feed_bytes(feed, payload, 16);
        (void)vmb_hv_synic_post(synic, what >> 7, what >> 3 & 15u, payload[0], payload[1], payload,
                                payload[2]);
        break;
    case 4:
        vmb_hv_synic_on_eoi(synic, what >> 6, feed_u8(feed));
        (void)vmb_hv_synic_queued(synic, what >> 6, what >> 3 & 31u);
        break;
    case 5:
        guest_takes(feed);
        break;
    case 6:
        guest_calls(feed);
        break;
    default:
        host_acts(feed);
        break;
    }
}

/* ---- A guest's words ------------------------------------------------------------------------- */

/* What this kind of hypervisor says of itself, changed here and there. */
static void good_leaves(struct feed *feed, struct vmb_hv_cpuid *leaves)
{
    uint32_t changes = feed_u8(feed) & 7u, value;

    memset(leaves, 0, sizeof(*leaves));
    leaves->processor.ecx = 1u << 31;
    leaves->vendor.eax = 0x4000000Cu;
    memcpy(&leaves->vendor.ebx, "Microsoft Hv", 12);
    memcpy(&leaves->interface.eax, "Hv#1", 4);
    leaves->features.eax = feed_u16(feed) | VMB_HV_PRIVILEGE_SYNIC;
    leaves->features.ebx = feed_u8(feed);
    leaves->stack_vendor.eax = VMB_HV_CPUID_STACK + 2u;
    memcpy(&leaves->stack_interface.eax, "VS#1", 4);
    while (changes-- > 0) {
        uint32_t at = feed_u8(feed) % (sizeof(*leaves) / 4u);

        value = feed_u32(feed);
        memcpy((uint8_t *)leaves + (size_t)at * 4u, &value, 4);
    }
}

static void decode_leaves(const struct vmb_hv_cpuid *leaves)
{
    struct vmb_hv_features features;
    vmb_status status = vmb_hv_features_decode(leaves, &features);

    FUZZ_CHECK((status == VMB_OK) == (features.missing == 0));
    FUZZ_CHECK(features.missing < 2u * VMB_HV_MISSING_SIGNAL_EVENTS);
    FUZZ_CHECK(status == VMB_OK ||
               (status == VMB_ERR_UNSUPPORTED) == (features.missing <= VMB_HV_MISSING_LEAVES));
    FUZZ_CHECK(features.shared_boundary_bit < 64u);
    for (uint32_t bit = 1; bit <= 2u * VMB_HV_MISSING_SIGNAL_EVENTS; bit <<= 1) {
        const char *text = vmb_hv_missing_text((enum vmb_hv_missing)bit);

        FUZZ_CHECK((strcmp(text, "unknown") == 0) == (bit > VMB_HV_MISSING_SIGNAL_EVENTS));
    }
}

/* Registers, from what they hold to what is written: ours changed, the others kept. */
static void guest_registers(struct feed *feed)
{
    uint64_t current = feed_u64(feed), page = feed_u64(feed), value;
    uint32_t vector = feed_u8(feed), shape = feed_u8(feed);
    bool auto_eoi = (shape & 1u) != 0;

    value = vmb_hv_page_on(current, page);
    FUZZ_CHECK(((value ^ current) & 0xFFEu) == 0);
    FUZZ_CHECK(vmb_hv_page_gpa(value) == (page & ~0xFFFull));
    FUZZ_CHECK(vmb_hv_page_gpa(vmb_hv_page_off(value)) == 0);
    value = vmb_hv_sint_on(current, vector, auto_eoi);
    FUZZ_CHECK((value & 0xFFu) == vector && (value & VMB_HV_SINT_MASKED) == 0);
    FUZZ_CHECK(((value & VMB_HV_SINT_AUTO_EOI) != 0) == auto_eoi);
    FUZZ_CHECK((vmb_hv_sint_off(value) & VMB_HV_SINT_MASKED) != 0);
    value = vmb_hv_scontrol_on(current);
    FUZZ_CHECK(value == (current | VMB_HV_SCONTROL_ENABLE) &&
               (vmb_hv_scontrol_off(value) & VMB_HV_SCONTROL_ENABLE) == 0);
    value = vmb_hv_call_page_on(current, page);
    if ((current & (VMB_HV_CALL_PAGE_ENABLE | VMB_HV_CALL_PAGE_LOCKED)) != 0) {
        FUZZ_CHECK(value == current);
    } else {
        FUZZ_CHECK((value & ~0xFFFull) == (page & ~0xFFFull) &&
                   (value & VMB_HV_CALL_PAGE_ENABLE) != 0);
    }
    FUZZ_CHECK((vmb_hv_call_page_off(value) & VMB_HV_CALL_PAGE_ENABLE) == 0);
}

/* A message that a guest posts is what comes out of the port, if it is one at all. */
static void guest_posts(struct feed *feed)
{
    uint32_t shape = feed_u8(feed), id = feed_u8(feed), bytes = feed_u8(feed), type = shape & 3u;
    struct vmb_hv_call call = {.control = vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false),
                               .input = FIRST_GPN * 4096ull};
    const struct vmb_hv_message *message;
    uint8_t payload[256];
    vmb_status status;

    (void)feed_bytes(feed, payload, sizeof(payload));
    id |= (shape & 8u) != 0 ? VMB_HV_CONNECTION_LIMIT : 0;
    type |= (shape & 4u) != 0 ? VMB_HV_MESSAGE_HYPERVISOR : 0;
    status = vmb_hv_post_message_encode(input_page, id, type, payload, bytes);
    FUZZ_CHECK((status == VMB_OK) ==
               (bytes <= VMB_HV_MESSAGE_MAX && (shape & 0xCu) == 0 && (shape & 3u) != 0));
    if (status != VMB_OK) {
        return;
    }
    status = vmb_hv_ports_connect_messages(ports, id, vmb_hv_message_port_post, &port);
    FUZZ_CHECK(status == VMB_OK);
    for (uint32_t i = 0; i <= VMB_HV_PORT_BUFFERS; i++) {
        uint64_t result = vmb_hv_ports_call(ports, UINT64_MAX, &call);

        FUZZ_CHECK((vmb_hv_call_status(result) == VMB_OK) == (i < VMB_HV_PORT_BUFFERS));
    }
    message = vmb_hv_message_port_peek(&port);
    FUZZ_CHECK(message != NULL && message->type == type && message->payload_bytes == bytes);
    FUZZ_CHECK(memcmp(message->payload, payload, bytes) == 0);
    vmb_hv_message_port_take(&port);
    status = vmb_hv_ports_disconnect(ports, id);
    FUZZ_CHECK(status == VMB_OK);
    FUZZ_CHECK(vmb_hv_ports_post(ports, id, type, payload, 0) == VMB_HV_INVALID_CONNECTION_ID);
}

/* Any result has a status, a name and a text; success has no other name. */
static void guest_judges(uint64_t result)
{
    bool done = (result & 0xFFFFu) == 0;

    FUZZ_CHECK((vmb_hv_call_status(result) == VMB_OK) == done);
    FUZZ_CHECK((strcmp(vmb_hv_call_name(result), "SUCCESS") == 0) == done);
    FUZZ_CHECK(vmb_hv_call_text(result)[0] != '\0');
    FUZZ_CHECK(vmb_hv_call_reps_done(result) < 4096u);
}

/* ---- A user who asks for what cannot be ------------------------------------------------------ */

static void user_makes(struct feed *feed)
{
    uint32_t shape = feed_u8(feed);
    struct vmb_hv_synic_options options = {.struct_bytes = sizeof(options) + (shape & 1u),
                                           .vp_count = feed_u16(feed),
                                           .message_buffers = feed_u16(feed)};
    struct vmb_hv_synic_platform platform = {
        .struct_bytes = (shape & 2u) != 0 ? feed_u8(feed) : (uint32_t)sizeof(platform),
        .raise_interrupt = (shape & 4u) != 0 ? NULL : raise_interrupt,
        .map_page = (shape & 8u) != 0 ? NULL : map_page};
    struct vmb_hv_ports_options port_options = {.struct_bytes = sizeof(port_options) + (shape & 1u),
                                                .connection_limit = feed_u32(feed)};
    struct vmb_hv_ports_platform port_platform = {.struct_bytes = platform.struct_bytes};
    size_t off = shape >> 4 & 8u, needed;
    vmb_status status;

    needed = vmb_hv_synic_memory_bytes(&options);
    status = vmb_hv_synic_init(synic_memory + off, synic_bytes, &options, &platform, &synic);
    FUZZ_CHECK(status != VMB_OK || (needed != 0 && needed <= synic_bytes && (shape & 0x8Du) == 0));
    FUZZ_CHECK(status != VMB_ERR_TOO_SMALL || needed > synic_bytes);
    needed = vmb_hv_ports_memory_bytes(&port_options);
    status =
        vmb_hv_ports_init(ports_memory + off, ports_bytes, &port_options, &port_platform, &ports);
    FUZZ_CHECK(status != VMB_OK || (needed != 0 && needed <= ports_bytes && (shape & 0x81u) == 0));
    FUZZ_CHECK(status != VMB_ERR_TOO_SMALL || needed > ports_bytes);
}

/* Numbers out of their range: refused, and nothing is read or written for them. */
static void user_errs(struct feed *feed, bool arm64)
{
    uint32_t vp = feed_u8(feed), sint = feed_u8(feed), flag = feed_u16(feed), id = feed_u32(feed);
    uint32_t bytes = feed_u16(feed), connected;
    struct vmb_hv_synic_counters counters;
    uint8_t nothing[VMB_HV_MESSAGE_MAX] = {0};
    bool is_wrong = vp >= VPS || sint >= VMB_HV_SINT_COUNT;
    uint32_t number = arm64 ? VMB_HV_ARM64_SINT0 : VMB_HV_MSR_SINT0;
    uint64_t value;

    number = sint < VMB_HV_SINT_COUNT ? number + sint : 0;

    /* The SynIC is off: what is right is refused as well. */
    FUZZ_CHECK(vmb_hv_synic_signal(synic, vp, sint, flag, NULL) != VMB_HV_SUCCESS);
    FUZZ_CHECK(vmb_hv_synic_post(synic, vp, sint, 1, 0, nothing, bytes) != VMB_HV_SUCCESS);
    FUZZ_CHECK(vmb_hv_synic_queued(synic, vp, sint) == 0);
    vmb_hv_synic_on_eoi(synic, vp, sint);
    FUZZ_CHECK((vmb_hv_synic_read(synic, vp, number, &value) == VMB_OK) == !is_wrong);
    FUZZ_CHECK((vmb_hv_synic_write(synic, vp, number, VMB_HV_SINT_MASKED) == VMB_OK) == !is_wrong);
    FUZZ_CHECK((vmb_hv_synic_read_counters(synic, vp, &counters) == VMB_OK) == (vp < VPS));
    FUZZ_CHECK((vmb_hv_synic_reset_vp(synic, vp) == VMB_OK) == (vp < VPS));
    FUZZ_CHECK(vmb_hv_ports_connect_messages(ports, id, NULL, NULL) == VMB_ERR_INVALID_ARGUMENT);
    FUZZ_CHECK(vmb_hv_ports_connect_event(ports, id, 1, NULL, NULL) == VMB_ERR_INVALID_ARGUMENT);
    FUZZ_CHECK(vmb_hv_ports_disconnect(ports, id) == VMB_ERR_INVALID_TARGET);
    FUZZ_CHECK(vmb_hv_ports_signal(ports, id, flag) == VMB_HV_INVALID_CONNECTION_ID);
    FUZZ_CHECK(vmb_hv_ports_post(ports, id, 1, nothing, bytes) != VMB_HV_SUCCESS);
    connected = vmb_hv_ports_connect_event(ports, id, flag, on_event, NULL) == VMB_OK;
    FUZZ_CHECK(connected ==
               (id < VMB_HV_CONNECTION_LIMIT && flag >= 1u && flag <= VMB_HV_FLAGS_PER_SINT));
    for (id = 0x100; id <= 0x100 + CONNECTIONS; id++) { /* More than there is room for. */
        connected += vmb_hv_ports_connect_event(ports, id, 1, on_event, NULL) == VMB_OK;
    }
    FUZZ_CHECK(connected == CONNECTIONS);
    FUZZ_CHECK(vmb_hv_message_port_post(&port, 1, 1, nothing, VMB_HV_MESSAGE_MAX + 1u) ==
               VMB_HV_INVALID_PARAMETER);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static void session(struct feed *feed)
{
    uint32_t op;

    for (op = 0; op < OPS && feed->left > 0; op++) {
        one_step(feed);
    }
    vmb_hv_synic_deinit(synic);
    for (op = 0; op < PAGES; op++) {
        FUZZ_CHECK(page_users[op] == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    struct vmb_hv_cpuid leaves;
    uint32_t first = feed_u8(&feed);

    memset(input_page, 0, 512);
    begin((first & 1u) != 0);
    switch (first >> 5) {
    case 7:
        good_leaves(&feed, &leaves);
        decode_leaves(&leaves);
        break;
    case 6:
        (void)feed_bytes(&feed, &leaves, sizeof(leaves));
        decode_leaves(&leaves);
        break;
    case 5:
        guest_registers(&feed);
        guest_judges(feed_u32(&feed) | (uint64_t)feed_u32(&feed) << 32);
        guest_posts(&feed);
        break;
    case 4:
        if ((first & 2u) != 0) {
            user_makes(&feed);
        } else {
            user_errs(&feed, (first & 1u) != 0);
        }
        break;
    default:
        session(&feed);
        break;
    }
    return 0;
}
