/* SPDX-License-Identifier: MIT */
/*
 * The connections of a guest: a hash table with open addressing, of which half is always empty.
 * Looked up from any thread without a lock, changed by one caller at a time.
 *
 * A place that was used stays in the chains that lead over it (KEY_GONE) until it is used again or
 * nothing follows it. Whoever uses a place is inside its passage, so that a connection that has
 * been cut is not in use any more.
 */
#include <vmbus/platform/string.h>

#include "hv/vmb_hv_passage.h"
#include "hv/vmb_hv_ports_state.h"

#define PORTS_LIMIT         65536u
#define PORTS_LIMIT_DEFAULT 2064u /* Every relid, and the few message connections. */

#define KEY_EMPTY           0u
#define KEY_GONE            0xFFFFFFFFu
#define KEY_OF(id)          ((id) + 1u)

struct ports_place {
    VMB_CACHE_ALIGNED vmb_atomic_u32 key;
    struct vmbi_hv_passage users;
    /* Constant while the key is an id. */
    vmb_hv_on_message on_message;
    vmb_hv_on_event on_event;
    void *context;
    uint32_t flag_count;
};

struct vmb_hv_ports {
    struct vmb_hv_ports_platform platform;
    uint32_t place_count; /* A power of two. */
    uint32_t connection_limit;
    uint32_t connections;
    struct ports_place *places;
};

/* How many connections there may be; 0 if that is out of range, or of a newer library. */
static uint32_t ports_limit(const struct vmb_hv_ports_options *given)
{
    struct vmb_hv_ports_options options;

    vmb_memset(&options, 0, sizeof(options));
    if (given->struct_bytes > sizeof(options)) {
        return 0;
    }
    vmb_memcpy(&options, given, given->struct_bytes);
    if (options.connection_limit == 0) {
        return PORTS_LIMIT_DEFAULT;
    }
    return options.connection_limit <= PORTS_LIMIT ? options.connection_limit : 0;
}

static uint32_t ports_place_count(uint32_t limit)
{
    uint32_t count = 2;

    while (count < 2 * limit) {
        count *= 2;
    }
    return count;
}

static size_t ports_head_bytes(void)
{
    return (sizeof(struct vmb_hv_ports) + VMB_CACHE_LINE_BYTES - 1) &
           ~(size_t)(VMB_CACHE_LINE_BYTES - 1);
}

size_t vmb_hv_ports_memory_bytes(const struct vmb_hv_ports_options *options)
{
    uint32_t limit = ports_limit(options);

    return limit == 0 ? 0
                      : ports_head_bytes() + ports_place_count(limit) * sizeof(struct ports_place);
}

vmb_status vmb_hv_ports_init(void *memory, size_t memory_bytes,
                             const struct vmb_hv_ports_options *options,
                             const struct vmb_hv_ports_platform *platform,
                             struct vmb_hv_ports **out_ports)
{
    size_t needed = vmb_hv_ports_memory_bytes(options);
    struct vmb_hv_ports *ports = memory;

    if (needed == 0 || (uintptr_t)memory % VMB_CACHE_LINE_BYTES != 0 ||
        platform->struct_bytes > sizeof(*platform)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (memory_bytes < needed) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(memory, 0, needed);
    vmb_memcpy(&ports->platform, platform, platform->struct_bytes);
    ports->connection_limit = ports_limit(options);
    ports->place_count = ports_place_count(ports->connection_limit);
    ports->places = (void *)((uint8_t *)memory + ports_head_bytes());
    *out_ports = ports;
    return VMB_OK;
}

bool vmbi_hv_ports_read(const struct vmb_hv_ports *ports, vmb_gpa address, void *buffer,
                        uint32_t bytes)
{
    return ports->platform.read_guest != NULL &&
           ports->platform.read_guest(ports->platform.context, address, buffer, bytes) == VMB_OK;
}

/* Where the chain of an id begins. Ids of channels are neighbours: so are their places. */
static uint32_t ports_first(const struct vmb_hv_ports *ports, uint32_t id)
{
    return (id ^ id >> 12) & (ports->place_count - 1);
}

/* The place of an id, or NULL. Bounded: at least half of the places are empty or gone. */
static struct ports_place *ports_find(struct vmb_hv_ports *ports, uint32_t id)
{
    uint32_t first = ports_first(ports, id);

    for (uint32_t i = 0; i < ports->place_count; i++) {
        struct ports_place *place = &ports->places[(first + i) & (ports->place_count - 1)];
        /* Relaxed: ports_enter() looks again, with order. */
        uint32_t key = vmb_atomic_load(&place->key, VMB_RELAXED);

        if (key == KEY_OF(id)) {
            return place;
        }
        if (key == KEY_EMPTY) {
            return NULL;
        }
    }
    return NULL;
}

/* Go into the place of an id: its connection stays as it is until we leave. NULL: none. */
static struct ports_place *ports_enter(struct vmb_hv_ports *ports, uint32_t id, uint32_t *out_epoch)
{
    struct ports_place *place = ports_find(ports, id);

    if (place == NULL) {
        return NULL;
    }
    *out_epoch = vmbi_hv_passage_enter(&place->users);
    /*
     * Is it still the same connection? Acquire: pairs with the release store in ports_connect();
     * what the connection leads to is there. If it is being cut, the drain waits for us.
     */
    if (vmb_atomic_load(&place->key, VMB_ACQUIRE) == KEY_OF(id)) {
        return place;
    }
    vmbi_hv_passage_leave(&place->users, *out_epoch);
    return NULL;
}

static vmb_status ports_connect(struct vmb_hv_ports *ports, uint32_t id,
                                const struct ports_place *connection)
{
    struct ports_place *place = NULL;
    uint32_t first = ports_first(ports, id);

    if (id >= VMB_HV_CONNECTION_LIMIT) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (ports_find(ports, id) != NULL) {
        return VMB_ERR_WRONG_STATE;
    }
    if (ports->connections == ports->connection_limit) {
        return VMB_ERR_LIMIT;
    }
    for (uint32_t i = 0; place == NULL; i++) {
        struct ports_place *here = &ports->places[(first + i) & (ports->place_count - 1)];
        /* Relaxed: keys are stored by connect and disconnect only, of which we are the one. */
        uint32_t key = vmb_atomic_load(&here->key, VMB_RELAXED);

        if (key == KEY_EMPTY || key == KEY_GONE) {
            place = here;
        }
    }
    place->on_message = connection->on_message;
    place->on_event = connection->on_event;
    place->context = connection->context;
    place->flag_count = connection->flag_count;
    /* Release: pairs with the acquire load in ports_enter(). */
    vmb_atomic_store(&place->key, KEY_OF(id), VMB_RELEASE);
    ports->connections++;
    return VMB_OK;
}

vmb_status vmb_hv_ports_connect_messages(struct vmb_hv_ports *ports, uint32_t connection_id,
                                         vmb_hv_on_message on_message, void *context)
{
    const struct ports_place connection = {.on_message = on_message, .context = context};

    if (on_message == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    return ports_connect(ports, connection_id, &connection);
}

vmb_status vmb_hv_ports_connect_event(struct vmb_hv_ports *ports, uint32_t connection_id,
                                      uint32_t flag_count, vmb_hv_on_event on_event, void *context)
{
    const struct ports_place connection = {
        .on_event = on_event,
        .context = context,
        .flag_count = flag_count,
    };

    if (on_event == NULL || flag_count == 0 || flag_count > VMB_HV_FLAGS_PER_SINT) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    return ports_connect(ports, connection_id, &connection);
}

/* Places at the end of a chain that lead nowhere any more are empty again. */
static void ports_tidy(struct vmb_hv_ports *ports, struct ports_place *place)
{
    uint32_t mask = ports->place_count - 1;
    uint32_t index = (uint32_t)(place - ports->places);

    /* Relaxed throughout: a chain only gets shorter by places that end it. */
    while (vmb_atomic_load(&ports->places[(index + 1) & mask].key, VMB_RELAXED) == KEY_EMPTY &&
           vmb_atomic_load(&ports->places[index].key, VMB_RELAXED) == KEY_GONE) {
        vmb_atomic_store(&ports->places[index].key, KEY_EMPTY, VMB_RELAXED);
        index = (index - 1) & mask;
    }
}

vmb_status vmb_hv_ports_disconnect(struct vmb_hv_ports *ports, uint32_t connection_id)
{
    struct ports_place *place = NULL;

    if (connection_id < VMB_HV_CONNECTION_LIMIT) {
        place = ports_find(ports, connection_id);
    }
    if (place == NULL) {
        return VMB_ERR_INVALID_TARGET;
    }
    /* Relaxed: the drain orders it, see ports_enter(). */
    vmb_atomic_store(&place->key, KEY_GONE, VMB_RELAXED);
    vmbi_hv_passage_drain(&place->users);
    ports->connections--;
    ports_tidy(ports, place);
    return VMB_OK;
}

vmb_hv_result vmb_hv_ports_post(struct vmb_hv_ports *ports, uint32_t connection_id, uint32_t type,
                                const void *payload, uint32_t payload_bytes)
{
    vmb_hv_result result = VMB_HV_INVALID_PORT_ID;
    struct ports_place *place;
    uint32_t epoch;

    if (type == VMB_HV_MESSAGE_NONE || (type & VMB_HV_MESSAGE_HYPERVISOR) != 0 ||
        payload_bytes > VMB_HV_MESSAGE_MAX) {
        return VMB_HV_INVALID_PARAMETER;
    }
    if (connection_id >= VMB_HV_CONNECTION_LIMIT) {
        return VMB_HV_INVALID_CONNECTION_ID;
    }
    place = ports_enter(ports, connection_id, &epoch);
    if (place == NULL) {
        return VMB_HV_INVALID_CONNECTION_ID;
    }
    if (place->on_message != NULL) {
        result = place->on_message(place->context, connection_id, type, payload, payload_bytes);
    }
    vmbi_hv_passage_leave(&place->users, epoch);
    return result;
}

vmb_hv_result vmb_hv_ports_signal(struct vmb_hv_ports *ports, uint32_t connection_id, uint32_t flag)
{
    vmb_hv_result result = VMB_HV_INVALID_PORT_ID;
    struct ports_place *place = NULL;
    uint32_t epoch;

    if (connection_id < VMB_HV_CONNECTION_LIMIT) {
        place = ports_enter(ports, connection_id, &epoch);
    }
    if (place == NULL) {
        return VMB_HV_INVALID_CONNECTION_ID;
    }
    if (place->on_event != NULL) {
        result = VMB_HV_INVALID_PARAMETER;
        if (flag < place->flag_count) {
            place->on_event(place->context, connection_id, flag);
            result = VMB_HV_SUCCESS;
        }
    }
    vmbi_hv_passage_leave(&place->users, epoch);
    return result;
}
