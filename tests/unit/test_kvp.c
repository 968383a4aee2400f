/* SPDX-License-Identifier: MIT */
/* Key/value exchange, both roles: a pool of a guest's, asked in every way, right and wrong. */
#include "ic_peer.h"

#include <vmbus/drivers/kvp.h>

#define POOL_ITEMS 4

struct pair_of_texts {
    uint8_t key[64];
    uint32_t key_bytes;
    uint8_t value[128];
    uint32_t value_bytes;
};

struct world {
    struct pair *pair;
    struct vmb_kvp_guest guest;
    struct vmb_kvp_host host;
    uint64_t now_ns;
    struct pair_of_texts pool[POOL_ITEMS]; /* The guest's; key_bytes 0: free. */
    uint8_t pool_number;                   /* That was asked for last. */
    uint8_t addresses[64];
    uint32_t addresses_bytes;
    bool dhcp;
    bool ready;
    uint32_t answers;
    vmb_status answer;
    uint32_t ic_status;
    char key[64];
    char value[128];
    uint32_t value_type;
    char adapter[64];
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static struct vmb_slice text(const char *utf8, uint8_t *buffer, uint32_t buffer_bytes)
{
    uint32_t bytes;

    assert_int_equal(
        vmb_kvp_text_encode(utf8, (uint32_t)strlen(utf8), buffer, buffer_bytes, &bytes), VMB_OK);
    return (struct vmb_slice){buffer, bytes};
}

static struct pair_of_texts *pool_find(struct world *world, const struct vmb_slice *key)
{
    size_t index;

    for (index = 0; index < POOL_ITEMS; index++) {
        if (world->pool[index].key_bytes == key->byte_count && key->byte_count != 0 &&
            memcmp(world->pool[index].key, key->bytes, key->byte_count) == 0) {
            return &world->pool[index];
        }
    }
    return NULL;
}

static uint32_t pool_set(struct world *world, const struct vmb_kvp_item *item)
{
    struct pair_of_texts *found = pool_find(world, &item->key);
    size_t index;

    for (index = 0; found == NULL && index < POOL_ITEMS; index++) {
        if (world->pool[index].key_bytes == 0) {
            found = &world->pool[index];
        }
    }
    if (found == NULL) {
        return VMB_IC_STATUS_DISK_FULL;
    }
    memcpy(found->key, item->key.bytes, item->key.byte_count);
    found->key_bytes = item->key.byte_count;
    memcpy(found->value, item->value.bytes, item->value.byte_count);
    found->value_bytes = item->value.byte_count;
    return VMB_IC_STATUS_OK;
}

static uint32_t pool_item(void *context, struct vmb_kvp_item *item)
{
    struct world *world = context;
    struct pair_of_texts *found;

    world->pool_number = item->pool;
    if (item->operation == VMB_KVP_SET) {
        return pool_set(world, item);
    }
    if (item->operation == VMB_KVP_ENUMERATE) {
        if (item->index >= POOL_ITEMS || world->pool[item->index].key_bytes == 0) {
            return VMB_IC_STATUS_NO_MORE_ITEMS;
        }
        found = &world->pool[item->index];
        item->key = (struct vmb_slice){found->key, found->key_bytes};
    } else {
        found = pool_find(world, &item->key);
    }
    if (found == NULL) {
        return VMB_IC_STATUS_NOT_FOUND;
    }
    if (item->operation == VMB_KVP_DELETE) {
        found->key_bytes = 0;
        return VMB_IC_STATUS_OK;
    }
    item->value_type = VMB_KVP_STRING;
    item->value = (struct vmb_slice){found->value, found->value_bytes};
    return VMB_IC_STATUS_OK;
}

static uint32_t pool_ip(void *context, struct vmb_kvp_ip *ip)
{
    struct world *world = context;

    vmb_kvp_text_decode(&ip->adapter_id, world->adapter, sizeof(world->adapter));
    if (ip->operation == VMB_KVP_SET_IP) {
        assert_true(ip->addresses.byte_count <= sizeof(world->addresses));
        memcpy(world->addresses, ip->addresses.bytes, ip->addresses.byte_count);
        world->addresses_bytes = ip->addresses.byte_count;
        world->dhcp = ip->dhcp_enabled;
        return VMB_IC_STATUS_OK;
    }
    ip->family = 1;
    ip->dhcp_enabled = world->dhcp;
    ip->addresses = (struct vmb_slice){world->addresses, world->addresses_bytes};
    return VMB_IC_STATUS_OK;
}

static void world_ready(void *context, bool ready)
{
    ((struct world *)context)->ready = ready;
}

static void world_answered(void *context, vmb_status status, uint32_t ic_status,
                           const struct vmb_kvp_item *item, const struct vmb_kvp_ip *ip)
{
    struct world *world = context;

    world->answers++;
    world->answer = status;
    world->ic_status = ic_status;
    assert_int_equal(status == VMB_OK, (item != NULL) != (ip != NULL));
    assert_true(status == VMB_OK || (item == NULL && ip == NULL));
    if (item != NULL) {
        vmb_kvp_text_decode(&item->key, world->key, sizeof(world->key));
        vmb_kvp_text_decode(&item->value, world->value, sizeof(world->value));
        world->value_type = item->value_type;
    }
    if (ip != NULL) {
        vmb_kvp_text_decode(&ip->addresses, world->value, sizeof(world->value));
        world->dhcp = ip->dhcp_enabled;
    }
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vmb_kvp_guest_options guest = {
        .struct_bytes = sizeof(guest), .context = world, .item = pool_item, .ip = pool_ip};
    struct vmb_kvp_host_options host = {.struct_bytes = sizeof(host),
                                        .context = world,
                                        .now_ns = world_now,
                                        .ready = world_ready,
                                        .answered = world_answered};

    assert_non_null(world);
    world->pair = pair_new(16384);
    assert_int_equal(vmb_kvp_guest_init(&world->guest, &guest), VMB_OK);
    assert_int_equal(vmb_kvp_host_init(&world->host, &host), VMB_OK);
    return world;
}

static void world_open(struct world *world)
{
    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->host);
    pair_open(&world->pair->guest, vmb_kvp_guest_driver(), &world->guest);
    assert_true(pair_run(world->pair, 100));
    assert_true(world->ready);
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

/* Ask, and have it answered. Returns how it ended. */
static vmb_status world_ask(struct world *world, uint8_t operation, const char *key,
                            const char *value, uint32_t index)
{
    uint8_t key_buffer[128];
    uint8_t value_buffer[128];
    uint32_t before = world->answers;
    struct vmb_kvp_item item = {
        .operation = operation, .pool = VMB_KVP_POOL_GUEST, .index = index, .value_type = 1};

    if (key != NULL) {
        item.key = text(key, key_buffer, sizeof(key_buffer));
    }
    if (value != NULL) {
        item.value = text(value, value_buffer, sizeof(value_buffer));
    }
    assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_OK);
    assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_ERR_BUSY);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answers, before + 1);
    return world->answer;
}

static void facts_are_set_found_listed_and_deleted(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open(world);
    assert_int_equal(world_ask(world, VMB_KVP_SET, "colour", "grün", 0), VMB_OK);
    assert_int_equal(world->pool_number, VMB_KVP_POOL_GUEST);
    assert_int_equal(world_ask(world, VMB_KVP_SET, "size", "12", 0), VMB_OK);
    assert_int_equal(world_ask(world, VMB_KVP_GET, "colour", NULL, 0), VMB_OK);
    assert_string_equal(world->value, "grün");
    assert_int_equal(world->value_type, VMB_KVP_STRING);
    assert_int_equal(world_ask(world, VMB_KVP_ENUMERATE, NULL, NULL, 1), VMB_OK);
    assert_string_equal(world->key, "size");
    assert_string_equal(world->value, "12");
    assert_int_equal(world_ask(world, VMB_KVP_ENUMERATE, NULL, NULL, 2), VMB_ERR_REFUSED);
    assert_int_equal(world->ic_status, VMB_IC_STATUS_NO_MORE_ITEMS);
    assert_int_equal(world_ask(world, VMB_KVP_DELETE, "colour", NULL, 0), VMB_OK);
    assert_int_equal(world_ask(world, VMB_KVP_GET, "colour", NULL, 0), VMB_ERR_REFUSED);
    assert_int_equal(world->ic_status, VMB_IC_STATUS_NOT_FOUND);
    world_free(world);
}

static void a_full_guest_says_so(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    struct world *world = world_new();
    size_t index;

    (void)state;
    world_open(world);
    for (index = 0; index < POOL_ITEMS; index++) {
        assert_int_equal(world_ask(world, VMB_KVP_SET, keys[index], "1", 0), VMB_OK);
    }
    assert_int_equal(world_ask(world, VMB_KVP_SET, keys[index], "1", 0), VMB_ERR_REFUSED);
    assert_int_equal(world->ic_status, VMB_IC_STATUS_DISK_FULL);
    world_free(world);
}

static void ip_goes_there_and_comes_back(void **state)
{
    struct world *world = world_new();
    uint8_t adapter[128];
    uint8_t addresses[128];
    struct vmb_kvp_ip ip = {.operation = VMB_KVP_SET_IP, .family = 1, .dhcp_enabled = true};

    (void)state;
    world_open(world);
    ip.adapter_id = text("{eth0}", adapter, sizeof(adapter));
    ip.addresses = text("10.0.0.2;10.0.0.3", addresses, sizeof(addresses));
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answer, VMB_OK);
    assert_string_equal(world->adapter, "{eth0}");
    ip.operation = VMB_KVP_GET_IP;
    ip.addresses = (struct vmb_slice){NULL, 0};
    world->value[0] = '\0';
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->answer, VMB_OK);
    assert_string_equal(world->value, "10.0.0.2;10.0.0.3");
    assert_true(world->dhcp);
    ip.operation = VMB_KVP_SET;
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_ERR_INVALID_ARGUMENT);
    world_free(world);
}

static void old_hosts_have_no_ip(void **state)
{
    struct world *world = world_new();
    struct vmb_kvp_ip ip = {.operation = VMB_KVP_GET_IP};

    (void)state;
    vmb_ic_host_limit_version(&world->host.ic, (struct vmb_ic_version){3, 0});
    world_open(world);
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_ERR_VERSION);
    assert_int_equal(world_ask(world, VMB_KVP_SET, "a", "b", 0), VMB_OK);
    world_free(world);
}

/* Every length of every operation: answered, and never with more than the host sent. */
static void the_guest_checks_lengths(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v4 = {4, 0};
    static const uint32_t whole[] = {16, 528, 8, 8, 258, 7428}; /* From here on it is a question. */
    static uint8_t body[VMB_KVP_BODY_BYTES_MAX];
    struct world *world = world_new();
    struct ic_message answer;
    uint8_t operation;
    uint32_t bytes;

    (void)state;
    pair_open(&world->pair->guest, vmb_kvp_guest_driver(), &world->guest);
    ic_negotiate_as_host(world->pair, &framework, 1, &v4, 1, &answer);
    for (operation = 0; operation <= VMB_KVP_SET_IP + 1; operation++) {
        for (bytes = 0; bytes <= VMB_KVP_BODY_BYTES_MAX; bytes += bytes < 600 ? 1 : 853) {
            struct vmb_ic_header header = ic_request_header(VMB_IC_KVP, (uint16_t)bytes, 1);
            uint32_t wanted;

            body[0] = operation;
            ic_send(&world->pair->host, &header, body, 1);
            pair_deliver(&world->pair->guest);
            assert_true(ic_receive(&world->pair->host, &answer));
            assert_int_equal(answer.header.body_bytes, bytes);
            wanted = bytes < 4                        ? VMB_IC_STATUS_INVALID_ARGUMENT
                     : operation > VMB_KVP_SET_IP     ? VMB_IC_STATUS_NOT_SUPPORTED
                     : bytes < whole[operation]       ? VMB_IC_STATUS_INVALID_ARGUMENT
                     : operation == VMB_KVP_GET       ? VMB_IC_STATUS_NOT_FOUND
                     : operation == VMB_KVP_DELETE    ? VMB_IC_STATUS_NOT_FOUND
                     : operation == VMB_KVP_ENUMERATE ? VMB_IC_STATUS_NO_MORE_ITEMS
                     : operation == VMB_KVP_GET_IP && bytes < VMB_KVP_BODY_BYTES_MAX
                         ? VMB_IC_STATUS_INVALID_ARGUMENT
                         : VMB_IC_STATUS_OK;
            assert_int_equal(answer.header.status, wanted);
        }
    }
    world_free(world);
}

static void a_guest_refuses_what_is_no_pool(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v4 = {4, 0};
    static uint8_t body[2576];
    struct world *world = world_new();
    struct vmb_ic_header header = ic_request_header(VMB_IC_KVP, sizeof(body), 1);
    struct ic_message answer;

    (void)state;
    pair_open(&world->pair->guest, vmb_kvp_guest_driver(), &world->guest);
    ic_negotiate_as_host(world->pair, &framework, 1, &v4, 1, &answer);
    body[1] = VMB_KVP_POOL_AUTO_HOST + 1;
    ic_send(&world->pair->host, &header, body, 1);
    pair_deliver(&world->pair->guest);
    assert_true(ic_receive(&world->pair->host, &answer));
    assert_int_equal(answer.header.status, VMB_IC_STATUS_INVALID_ARGUMENT);
    world_free(world);
}

/* A guest that answers something else than it was asked. */
static void the_host_checks_answers(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v4 = {4, 0};
    static const struct {
        uint32_t at;
        uint8_t byte;
    } lies[] = {{0, VMB_KVP_GET}, {0, 99}, {4, 1}, {13, 3}, {17, 9}, {14, 1}};
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(lies) / sizeof(lies[0]); index++) {
        struct world *world = world_new();
        struct vmb_kvp_item item = {.operation = VMB_KVP_ENUMERATE};
        struct ic_message message;

        pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->host);
        ic_choose_as_guest(world->pair, framework, v4, 1);
        assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_OK);
        assert_true(ic_receive(&world->pair->guest, &message));
        message.body[lies[index].at] = lies[index].byte;
        ic_answer_as_guest(world->pair, &message, VMB_IC_STATUS_OK);
        pair_deliver(&world->pair->host);
        assert_int_equal(world->answers, 1);
        assert_int_equal(world->answer, VMB_ERR_MALFORMED);
        world_free(world);
    }
}

static void silence_and_closing_end_a_request(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v5 = {5, 0};
    struct world *world = world_new();
    struct vmb_kvp_item item = {.operation = VMB_KVP_ENUMERATE};

    (void)state;
    assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_ERR_WRONG_STATE);
    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->host);
    ic_choose_as_guest(world->pair, framework, v5, 1);
    assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_OK);
    world->now_ns = vmb_kvp_host_next_deadline_ns(&world->host);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answer, VMB_ERR_TIMEOUT);
    world_free(world);

    world = world_new();
    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->host);
    ic_choose_as_guest(world->pair, framework, v5, 1);
    assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_OK);
    world->pair->host.driver->closed(&world->host, VMB_ERR_GONE);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->answer, VMB_ERR_GONE);
    assert_false(world->ready);
    world_free(world);
}

static void too_long_is_refused_at_once(void **state)
{
    static uint8_t long_text[VMB_KVP_VALUE_BYTES + 2];
    struct world *world = world_new();
    struct vmb_kvp_item item = {.operation = VMB_KVP_SET,
                                .key = {long_text, VMB_KVP_KEY_BYTES + 2}};

    (void)state;
    world_open(world);
    assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_ERR_INVALID_ARGUMENT);
    item.key.byte_count = 2;
    item.value = (struct vmb_slice){long_text, sizeof(long_text)};
    assert_int_equal(vmb_kvp_host_request(&world->host, &item), VMB_ERR_INVALID_ARGUMENT);
    world_free(world);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static void texts_go_there_and_back(void **state)
{
    static const char *const texts[] = {"", "plain", "grün", "€ 5", "\U0001F600 smile", "日本語"};
    uint8_t wide[64];
    char narrow[64];
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(texts) / sizeof(texts[0]); index++) {
        struct vmb_slice slice = text(texts[index], wide, sizeof(wide));

        assert_int_equal(vmb_kvp_text_decode(&slice, narrow, sizeof(narrow)), strlen(texts[index]));
        assert_string_equal(narrow, texts[index]);
    }
}

static void what_is_no_utf8_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        uint32_t count;
    } bad[] = {{"\x80", 1},         {"\xC0\x80", 2},         {"\xC3", 1},
               {"\xC3(", 2},        {"\xE0\x80\x80", 3},     {"\xED\xA0\x80", 3},
               {"\xF5\x80\x80", 3}, {"\xF4\x90\x80\x80", 4}, {"a\0b", 3}};
    uint8_t wide[16];
    uint32_t bytes;
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        assert_int_equal(
            vmb_kvp_text_encode(bad[index].bytes, bad[index].count, wide, sizeof(wide), &bytes),
            VMB_ERR_INVALID_ARGUMENT);
    }
    for (index = 0; index < 12; index++) {
        memset(wide, 0x55, sizeof(wide));
        assert_int_equal(vmb_kvp_text_encode("hello", 5, wide, (uint32_t)index, &bytes),
                         VMB_ERR_TOO_SMALL);
        assert_int_equal(bytes, 12);
        assert_int_equal(wide[index], 0x55);
    }
    assert_int_equal(vmb_kvp_text_encode("hello", 5, wide, 12, &bytes), VMB_OK);
}

static void what_is_no_utf16_is_replaced(void **state)
{
    static const uint8_t lone_low[] = {0x00, 0xDC, 'x', 0, 0, 0};
    static const uint8_t lone_high[] = {'x', 0, 0x3D, 0xD8};
    static const uint8_t high_and_letter[] = {0x3D, 0xD8, 'x', 0, 'y'};
    static const uint8_t high_and_private[] = {0x3D, 0xD8, 0x00, 0xE0};
    static const uint8_t smile[] = {'x', 0, 0x3D, 0xD8, 0x00, 0xDE};
    char narrow[16];

    (void)state;
    vmb_kvp_text_decode(&(struct vmb_slice){lone_low, sizeof(lone_low)}, narrow, sizeof(narrow));
    assert_string_equal(narrow, "\uFFFDx");
    vmb_kvp_text_decode(&(struct vmb_slice){lone_high, sizeof(lone_high)}, narrow, sizeof(narrow));
    assert_string_equal(narrow, "x\uFFFD");
    vmb_kvp_text_decode(&(struct vmb_slice){high_and_letter, sizeof(high_and_letter)}, narrow,
                        sizeof(narrow));
    assert_string_equal(narrow, "\uFFFDx");
    /* What lies behind the surrogates is no half of a pair, and a character of its own. */
    vmb_kvp_text_decode(&(struct vmb_slice){high_and_private, sizeof(high_and_private)}, narrow,
                        sizeof(narrow));
    assert_string_equal(narrow, "\uFFFD\uE000");
    /* Room for the letter, not for the whole face. */
    assert_int_equal(vmb_kvp_text_decode(&(struct vmb_slice){smile, sizeof(smile)}, narrow, 5), 1);
    assert_string_equal(narrow, "x");
    assert_int_equal(vmb_kvp_text_decode(&(struct vmb_slice){smile, sizeof(smile)}, narrow, 6), 5);
    assert_int_equal(vmb_kvp_text_decode(&(struct vmb_slice){smile, sizeof(smile)}, narrow, 1), 0);
}

/* ---- What can be left out, and what cannot --------------------------------------------------- */

static void world_failed(void *context, vmb_status status)
{
    assert_int_equal(status, VMB_ERR_PEER);
    ((struct world *)context)->answers++;
}

static void broken_rings_are_told(void **state)
{
    static const uint32_t bad = 3;
    uint32_t index;

    (void)state;
    for (index = 0; index < 2; index++) {
        struct world *world = world_new();

        world->guest.options.failed = world->host.options.failed = index == 0 ? world_failed : NULL;
        pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->host);
        pair_open(&world->pair->guest, vmb_kvp_guest_driver(), &world->guest);
        memcpy(world->pair->to_guest, &bad, sizeof(bad)); /* The write index. */
        memcpy(world->pair->to_host, &bad, sizeof(bad));
        pair_deliver(&world->pair->guest);
        pair_deliver(&world->pair->host);
        assert_int_equal(world->answers, index == 0 ? 2 : 0);
        world_free(world);
    }
}

static void bad_options_are_refused(void **state)
{
    struct world *world = world_new();
    struct vmb_kvp_guest_options guest = world->guest.options;
    struct vmb_kvp_host_options host = world->host.options;

    (void)state;
    guest.struct_bytes--;
    assert_int_equal(vmb_kvp_guest_init(&world->guest, &guest), VMB_ERR_INVALID_ARGUMENT);
    guest.struct_bytes++;
    guest.item = NULL;
    assert_int_equal(vmb_kvp_guest_init(&world->guest, &guest), VMB_ERR_INVALID_ARGUMENT);
    host.struct_bytes--;
    assert_int_equal(vmb_kvp_host_init(&world->host, &host), VMB_ERR_INVALID_ARGUMENT);
    host.struct_bytes++;
    host.patience_ns = 1;
    assert_int_equal(vmb_kvp_host_init(&world->host, &host), VMB_OK);
    host.now_ns = NULL;
    assert_int_equal(vmb_kvp_host_init(&world->host, &host), VMB_ERR_INVALID_ARGUMENT);
    world_free(world);
}

static uint32_t pool_no_ip(void *context, struct vmb_kvp_ip *ip)
{
    (void)context;
    (void)ip;
    return VMB_IC_STATUS_NOT_FOUND;
}

/* A guest that says it has done what it has not: the answer does not fit a message. */
static uint32_t pool_boasts(void *context, struct vmb_kvp_item *item)
{
    static const uint8_t much[VMB_KVP_VALUE_BYTES + 2];

    (void)context;
    item->value = (struct vmb_slice){much, sizeof(much)};
    return VMB_IC_STATUS_OK;
}

static void a_guest_may_be_unable(void **state)
{
    struct world *world = world_new();
    struct vmb_kvp_ip ip = {.operation = VMB_KVP_GET_IP};

    (void)state;
    world->host.options.ready = NULL;
    pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->host);
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_ERR_BUSY);
    pair_open(&world->pair->guest, vmb_kvp_guest_driver(), &world->guest);
    assert_true(pair_run(world->pair, 100));
    world->guest.options.ip = NULL;
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->ic_status, VMB_IC_STATUS_NOT_SUPPORTED);
    world->guest.options.ip = pool_no_ip;
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->ic_status, VMB_IC_STATUS_NOT_FOUND);
    world->guest.options.item = pool_boasts;
    assert_int_equal(world_ask(world, VMB_KVP_GET, "a", NULL, 0), VMB_ERR_REFUSED);
    assert_int_equal(world->ic_status, VMB_IC_STATUS_FAILURE);
    world->host.options.answered = NULL;
    assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    world_free(world);
}

/* IP answers that are too short, or to another question. */
static void the_host_checks_ip_answers(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, v4 = {4, 0};
    uint32_t index;

    (void)state;
    for (index = 0; index < 2; index++) {
        struct world *world = world_new();
        struct vmb_kvp_ip ip = {.operation = VMB_KVP_GET_IP};
        struct ic_message message;

        pair_open(&world->pair->host, vmb_kvp_host_driver(), &world->host);
        ic_choose_as_guest(world->pair, framework, v4, 1);
        assert_int_equal(vmb_kvp_host_request_ip(&world->host, &ip), VMB_OK);
        assert_true(ic_receive(&world->pair->guest, &message));
        if (index == 0) {
            message.header.body_bytes = 300;
        } else {
            message.body[0] = VMB_KVP_SET_IP;
        }
        ic_answer_as_guest(world->pair, &message, VMB_IC_STATUS_OK);
        pair_deliver(&world->pair->host);
        assert_int_equal(world->answer, VMB_ERR_MALFORMED);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_rings_are_told),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_guest_may_be_unable),
        cmocka_unit_test(the_host_checks_ip_answers),
        cmocka_unit_test(facts_are_set_found_listed_and_deleted),
        cmocka_unit_test(a_full_guest_says_so),
        cmocka_unit_test(ip_goes_there_and_comes_back),
        cmocka_unit_test(old_hosts_have_no_ip),
        cmocka_unit_test(the_guest_checks_lengths),
        cmocka_unit_test(a_guest_refuses_what_is_no_pool),
        cmocka_unit_test(the_host_checks_answers),
        cmocka_unit_test(silence_and_closing_end_a_request),
        cmocka_unit_test(too_long_is_refused_at_once),
        cmocka_unit_test(texts_go_there_and_back),
        cmocka_unit_test(what_is_no_utf8_is_refused),
        cmocka_unit_test(what_is_no_utf16_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
