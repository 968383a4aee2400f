/* SPDX-License-Identifier: MIT */
/* Key/value exchange, guest and host, over a hostile endpoint; and the texts that it carries. */
#include "drivers_ic.h"

#include <vmbus/drivers/kvp.h>

#define FUZZ_LONGEST   256 /* Bytes of an input. */
#define KVP_FORM_BYTES 128u

static struct vmb_kvp_guest kvp_guest;
static struct vmb_kvp_host kvp_host;
static uint32_t requests_open;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    bench_make();
    return 0;
}

/* Both ways: what comes out of the wire goes back in, and is shorter than its buffer. */
static void check_text(const struct vmb_slice *slice)
{
    static char narrow[VMB_KVP_VALUE_BYTES * 3 / 2 + 1];
    static uint8_t wide[VMB_KVP_VALUE_BYTES + 2];
    uint32_t length = vmb_kvp_text_decode(slice, narrow, sizeof(narrow)), bytes;

    FUZZ_CHECK(length < sizeof(narrow) && strlen(narrow) == length);
    FUZZ_CHECK(vmb_kvp_text_encode(narrow, length, wide, sizeof(wide), &bytes) == VMB_OK);
    FUZZ_CHECK(bytes <= slice->byte_count + 2);
}

static uint32_t guest_item(void *context, struct vmb_kvp_item *item)
{
    static const uint8_t value[VMB_KVP_VALUE_BYTES] = {'v', 0};

    (void)context;
    FUZZ_CHECK(item->operation <= VMB_KVP_ENUMERATE && item->pool <= VMB_KVP_POOL_AUTO_HOST);
    FUZZ_CHECK(item->key.byte_count <= VMB_KVP_KEY_BYTES);
    FUZZ_CHECK(item->value.byte_count <= VMB_KVP_VALUE_BYTES);
    check_text(&item->key);
    check_text(&item->value);
    if (item->index > 4) {
        return VMB_IC_STATUS_NO_MORE_ITEMS;
    }
    if (item->operation != VMB_KVP_SET) {
        item->value = (struct vmb_slice){value, sizeof(value)};
    }
    if (item->operation == VMB_KVP_ENUMERATE) {
        item->key = (struct vmb_slice){value, VMB_KVP_KEY_BYTES};
    }
    return VMB_IC_STATUS_OK;
}

static uint32_t guest_ip(void *context, struct vmb_kvp_ip *ip)
{
    (void)context;
    check_text(&ip->adapter_id);
    check_text(&ip->addresses);
    check_text(&ip->dns_servers);
    return VMB_IC_STATUS_OK;
}

static void host_answered(void *context, vmb_status status, uint32_t ic_status,
                          const struct vmb_kvp_item *item, const struct vmb_kvp_ip *ip)
{
    (void)context;
    (void)ic_status;
    FUZZ_CHECK(requests_open == 1); /* Told once. */
    requests_open = 0;
    FUZZ_CHECK((status == VMB_OK) == (item != NULL || ip != NULL));
    if (item != NULL) {
        check_text(&item->key);
        check_text(&item->value);
    }
    if (ip != NULL) {
        check_text(&ip->addresses);
    }
}

static void open_kvp(bool host)
{
    struct vmb_kvp_guest_options guest_options = {.struct_bytes = sizeof(guest_options),
                                                  .item = guest_item,
                                                  .ip = guest_ip,
                                                  .failed = bench_failed};
    struct vmb_kvp_host_options host_options = {.struct_bytes = sizeof(host_options),
                                                .now_ns = bench_now,
                                                .answered = host_answered,
                                                .failed = bench_failed};

    if (host) {
        FUZZ_CHECK(vmb_kvp_host_init(&kvp_host, &host_options) == VMB_OK);
        bench_open(vmb_kvp_host_driver(), &kvp_host);
    } else {
        FUZZ_CHECK(vmb_kvp_guest_init(&kvp_guest, &guest_options) == VMB_OK);
        bench_open(vmb_kvp_guest_driver(), &kvp_guest);
    }
}

static void user_asks(uint32_t shape)
{
    static const uint8_t key[VMB_KVP_KEY_BYTES] = {'k', 0};
    struct vmb_kvp_item item = {.operation = (uint8_t)(shape & 7u),
                                .index = shape >> 3,
                                .key = {key, shape * 8u},
                                .value = {key, shape * 8u}};

    if (vmb_kvp_host_request(&kvp_host, &item) == VMB_OK) {
        FUZZ_CHECK(requests_open == 0);
        requests_open = 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vmb_ic_version versions[] = {{5, 0}, {4, 0}, {3, 0}};
    static const uint16_t sizes[] = {2576, 2580, 520, 260};
    struct feed feed = feed_of(data, size);
    bool host = (feed_u8(&feed) & 1u) != 0;
    uint8_t form[KVP_FORM_BYTES];
    uint32_t form_bytes, step;

    memset(form, 0, sizeof(form));
    form_bytes = ic_negotiation(form, versions, 3, !host);
    requests_open = 0;
    open_kvp(host);
    for (step = 0; step < DRIVER_STEPS && feed.left > 0; step++) {
        uint32_t what = feed_u8(&feed);

        if (what >= 0xC0u && host) {
            user_asks(what & 63u);
        } else if (what >= 0x80u) {
            ic_send_message(&feed, VMB_IC_KVP, sizes[what & 3u], !host);
        }
        bench_step(&feed, form, form_bytes);
    }
    bench.driver->closed(bench.device, VMB_OK);
    FUZZ_CHECK(requests_open == 0);
    return 0;
}
