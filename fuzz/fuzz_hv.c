/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's half: any register written with anything, hypercalls with any input, messages
 * and events from anywhere; and the guest's slot, whatever lies in it. Pages that the SynIC does
 * not use are poisoned.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>
#include <vmbus/hv.h>
#include <vmbus/hv_ports.h>
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
        message = vmb_hv_message_port_peek(&port);
        if (message != NULL) {
            FUZZ_CHECK(message->payload_bytes <= VMB_HV_MESSAGE_MAX);
            vmb_hv_message_port_take(&port);
        }
        return;
    }
    (void)status;
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
        (void)vmb_hv_synic_signal(synic, what >> 4 & 3u, what >> 3 & 17u, feed_u16(feed), NULL);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    struct vmb_hv_cpuid leaves;
    struct vmb_hv_features features;
    uint32_t first = feed_u8(&feed), op;

    memset(input_page, 0, 512);
    if ((first & 0xC0u) == 0xC0u) {
        (void)feed_bytes(&feed, &leaves, sizeof(leaves));
        (void)vmb_hv_features_decode(&leaves, &features);
        return 0;
    }
    begin((first & 1u) != 0);
    for (op = 0; op < OPS && feed.left > 0; op++) {
        one_step(&feed);
    }
    vmb_hv_synic_deinit(synic);
    for (op = 0; op < PAGES; op++) {
        FUZZ_CHECK(page_users[op] == 0);
    }
    return 0;
}
