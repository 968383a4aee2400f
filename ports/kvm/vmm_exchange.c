/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_exchange.h"

#include "ports/kvm/vmm_services.h"

#include <vmbus/drivers/kvp.h>
#include <vmbus/proto/guid.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCHANGE_KEY_BYTES   (VMB_KVP_KEY_BYTES * 3 / 2 + 1)
#define EXCHANGE_VALUE_BYTES (VMB_KVP_VALUE_BYTES * 3 / 2 + 1)

enum exchange_deed {
    EXCHANGE_LIST,
    EXCHANGE_GET, /* Guests answer lists better than questions: see vmbus/drivers/kvp.h. */
    EXCHANGE_SET,
    EXCHANGE_DELETE,
    EXCHANGE_DEEDS
};

struct vmm_exchange {
    struct vmm_device device;
    struct vmb_kvp_host host;
    /* The request under way, if `facts` is not NULL. */
    json_t *facts;
    struct vmm_control_ticket ticket;
    enum exchange_deed deed;
    uint8_t pool;
    char wanted[EXCHANGE_KEY_BYTES]; /* The key to get. */
    uint32_t index;
    size_t bytes; /* Of all facts. */
};

/* ---- The end of a request -------------------------------------------------------------------- */

static void exchange_reply(struct vmm_exchange *exchange, json_t *answer)
{
    json_decref(exchange->facts);
    exchange->facts = NULL;
    vmm_control_reply(exchange->ticket, answer);
}

static void exchange_done(struct vmm_exchange *exchange, bool truncated)
{
    exchange_reply(exchange, json_pack("{s:b, s:O, s:b}", "ok", 1, "facts", exchange->facts,
                                       "truncated", truncated ? 1 : 0));
}

static const char *exchange_refusal(uint32_t ic_status)
{
    switch (ic_status) {
    case VMB_IC_STATUS_NO_MORE_ITEMS:
    case VMB_IC_STATUS_NOT_FOUND:
        return "the guest has no such key";
    case VMB_IC_STATUS_NOT_SUPPORTED:
        return "the guest does not support that";
    case VMB_IC_STATUS_DISK_FULL:
        return "the guest's pool is full";
    default:
        return "the guest could not do it; does its key/value daemon run? (Linux: hv_kvp_daemon)";
    }
}

static void exchange_failed(struct vmm_exchange *exchange, vmb_status status, uint32_t ic_status)
{
    exchange_reply(exchange,
                   vmm_control_error(status == VMB_ERR_REFUSED ? exchange_refusal(ic_status)
                                                               : vmb_status_text(status)));
}

/* ---- Answers of the guest -------------------------------------------------------------------- */

static void exchange_value(const struct vmb_kvp_item *item, char text[EXCHANGE_VALUE_BYTES])
{
    uint64_t number = 0;

    if (item->value_type == VMB_KVP_STRING || item->value_type == VMB_KVP_EXPAND_STRING ||
        item->value.byte_count > sizeof(number)) {
        vmb_kvp_text_decode(&item->value, text, EXCHANGE_VALUE_BYTES);
        return;
    }
    if (item->value.byte_count != 0) { /* This machine's order is the wire's. */
        memcpy(&number, item->value.bytes, item->value.byte_count);
    }
    snprintf(text, EXCHANGE_VALUE_BYTES, "%" PRIu64, number);
}

static vmb_status exchange_ask_next(struct vmm_exchange *exchange)
{
    struct vmb_kvp_item item = {
        .operation = VMB_KVP_ENUMERATE, .pool = exchange->pool, .index = exchange->index};

    return vmb_kvp_host_request(&exchange->host, &item);
}

/* A fact of the list. The rest of the list is asked for, unless this was the one. */
static void exchange_take(struct vmm_exchange *exchange, const struct vmb_kvp_item *item)
{
    char key[EXCHANGE_KEY_BYTES];
    char value[EXCHANGE_VALUE_BYTES];
    bool found;
    vmb_status status;

    vmb_kvp_text_decode(&item->key, key, sizeof(key));
    exchange_value(item, value);
    found = exchange->deed == EXCHANGE_GET && strcmp(key, exchange->wanted) == 0;
    if (found || exchange->deed == EXCHANGE_LIST) {
        exchange->bytes += strlen(key) + strlen(value);
        if (exchange->bytes > VMM_EXCHANGE_BYTES_MAX) {
            exchange_done(exchange, true);
            return;
        }
        json_array_append_new(exchange->facts, json_pack("{s:s, s:s}", "key", key, "value", value));
    }
    if (found || ++exchange->index == VMM_EXCHANGE_FACTS_MAX) {
        exchange_done(exchange, !found);
        return;
    }
    status = exchange_ask_next(exchange);
    if (status != VMB_OK) {
        exchange_failed(exchange, status, 0);
    }
}

static void exchange_answered(void *context, vmb_status status, uint32_t ic_status,
                              const struct vmb_kvp_item *item, const struct vmb_kvp_ip *ip)
{
    struct vmm_exchange *exchange = context;

    (void)ip; /* Nobody asks for that. */
    if (exchange->facts == NULL) {
        return;
    }
    if (status == VMB_OK && item != NULL && item->operation == VMB_KVP_ENUMERATE) {
        exchange_take(exchange, item);
    } else if (status == VMB_OK || (status == VMB_ERR_REFUSED && exchange->deed <= EXCHANGE_GET &&
                                    ic_status == VMB_IC_STATUS_NO_MORE_ITEMS)) {
        exchange_done(exchange, false);
    } else {
        exchange_failed(exchange, status, ic_status);
    }
}

/* ---- Questions of the control socket --------------------------------------------------------- */

/* The place of @name among @names; @count: it is none of them. */
static uint32_t exchange_find(const char *name, const char *const *names, uint32_t count)
{
    uint32_t index = 0;

    while (index < count && (name == NULL || strcmp(name, names[index]) != 0)) {
        index++;
    }
    return index;
}

static bool exchange_text(const char *text, uint8_t *buffer, uint32_t buffer_bytes,
                          struct vmb_slice *out)
{
    size_t length = text != NULL ? strlen(text) : 0;
    uint32_t bytes;

    if (text == NULL || length > UINT32_MAX ||
        vmb_kvp_text_encode(text, (uint32_t)length, buffer, buffer_bytes, &bytes) != VMB_OK) {
        return false;
    }
    *out = (struct vmb_slice){buffer, bytes};
    return true;
}

static vmb_status exchange_begin(struct vmm_exchange *exchange, const char *key, const char *value)
{
    static uint8_t key_buffer[VMB_KVP_KEY_BYTES];
    static uint8_t value_buffer[VMB_KVP_VALUE_BYTES];
    struct vmb_kvp_item item = {
        .operation = exchange->deed == EXCHANGE_SET ? VMB_KVP_SET : VMB_KVP_DELETE,
        .pool = exchange->pool,
        .value_type = VMB_KVP_STRING,
    };

    exchange->index = 0;
    exchange->bytes = 0;
    if (exchange->deed == EXCHANGE_LIST) {
        return exchange_ask_next(exchange);
    }
    if (!exchange_text(key, key_buffer, sizeof(key_buffer), &item.key) || key[0] == '\0' ||
        (exchange->deed == EXCHANGE_SET &&
         !exchange_text(value, value_buffer, sizeof(value_buffer), &item.value))) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (exchange->deed == EXCHANGE_GET) {
        snprintf(exchange->wanted, sizeof(exchange->wanted), "%s", key);
        return exchange_ask_next(exchange);
    }
    return vmb_kvp_host_request(&exchange->host, &item);
}

static const char *exchange_why_not(vmb_status status)
{
    switch (status) {
    case VMB_ERR_INVALID_ARGUMENT:
        return "a key has 1 to 255 characters, a value up to 1023";
    case VMB_ERR_WRONG_STATE:
        return "the guest has no key/value exchange";
    case VMB_ERR_BUSY:
        return "the guest is not ready; does its key/value daemon run? (Linux: hv_kvp_daemon)";
    default:
        return vmb_status_text(status);
    }
}

json_t *vmm_exchange_answer(struct vmm_exchange *exchange, const json_t *request,
                            struct vmm_control_ticket ticket, bool *out_later)
{
    static const char *const deeds[] = {"list", "get", "set", "delete"};
    static const char *const pools[] = {"external", "guest", "auto", "auto-host"};
    uint32_t deed =
        exchange_find(json_string_value(json_object_get(request, "deed")), deeds, EXCHANGE_DEEDS);
    uint32_t pool = exchange_find(json_string_value(json_object_get(request, "pool")), pools,
                                  VMB_KVP_POOL_AUTO_HOST + 1);
    vmb_status status;

    if (deed == EXCHANGE_DEEDS || pool > VMB_KVP_POOL_AUTO_HOST) {
        return vmm_control_error("a deed is list, get, set or delete; a pool is external, guest, "
                                 "auto or auto-host");
    }
    if (exchange->facts != NULL) {
        return vmm_control_error("somebody else asks at the moment");
    }
    exchange->deed = (enum exchange_deed)deed;
    exchange->pool = (uint8_t)pool;
    status = exchange_begin(exchange, json_string_value(json_object_get(request, "key")),
                            json_string_value(json_object_get(request, "value")));
    if (status != VMB_OK) {
        return vmm_control_error(exchange_why_not(status));
    }
    exchange->facts = json_array();
    exchange->ticket = ticket;
    *out_later = true;
    vmb_host_kick(exchange->device.channel);
    return NULL;
}

/* ---- The device ------------------------------------------------------------------------------ */

static void exchange_released(void *host)
{
    vmm_device_released(
        (struct vmm_device *)(void *)((uint8_t *)host - offsetof(struct vmm_exchange, host)));
}

static uint64_t exchange_deadline(struct vmm_device *device)
{
    return vmb_kvp_host_next_deadline_ns(&((struct vmm_exchange *)device)->host);
}

struct vmm_exchange *vmm_exchange_add(struct vmm_devices *devices)
{
    static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                                .released = exchange_released};
    static const struct vmb_guid instance = VMB_INSTANCE_KVP;
    struct vmm_exchange *exchange = calloc(1, sizeof(*exchange));
    struct vmb_kvp_host_options options = {
        .struct_bytes = sizeof(options),
        .context = exchange,
        .now_ns = vmm_services_now_ns,
        .answered = exchange_answered,
        .failed = vmm_services_failed,
    };

    if (exchange == NULL || vmb_kvp_host_init(&exchange->host, &options) != VMB_OK) {
        free(exchange);
        return NULL;
    }
    exchange->device.next_deadline_ns = exchange_deadline;
    vmm_services_describe(&exchange->device, vmb_kvp_host_driver(), &exchange->host, &hooks,
                          instance);
    vmm_devices_add(devices, &exchange->device);
    return exchange;
}
