/* SPDX-License-Identifier: MIT */
/*
 * Storage over the bus, both ends ours: sub-channels that come when they are asked for and go with
 * the primary channel, closes and revocations that wait for the disk, offers that the bus does not
 * take, a host that another one takes over.
 */
#include "pair.h"
#include "tests/unit/stor_memory_disk.h"

#include <vmbus/drivers/stor_guest.h>
#include <vmbus/drivers/stor_host.h>

#define CHANNELS     3u
#define DISK_BYTES   (1u << 20)
#define DATA_PAGES   2u
#define NOT_TOLD     VMB_ERR_RETRY
#define ENOUGH_TURNS 64u

static const struct vmb_guid instance = VMB_GUID_INIT(1, 2, 3, 4, 5);

struct store {
    struct pair *pair;
    struct vmb_stor_guest *guest;
    struct vmb_stor_host *host;
    void *guest_memory, *host_memory;
    struct memory_disk disk;
    struct vmb_channel *channels[CHANNELS];
    bool no_bus;  /* The controller offers no sub-channels itself. */
    bool by_hand; /* Offers are not answered by an open. */
    struct vmb_host_channel *primary;
    struct vmb_host_hooks hooks;
    uint32_t readies, rescinded, released, done_count;
    vmb_status ready, opened[CHANNELS], closed;
    vmb_gpn data;
};

static uint8_t *store_data(struct store *store)
{
    return store->pair->pages + (store->data - PAIR_FIRST_GPN) * VMB_PAGE_BYTES;
}

/* ---- The host's end -------------------------------------------------------------------------- */

static void VMB_SHARED *store_guest_memory(void *context, vmb_gpn gpn, uint32_t offset,
                                           uint32_t bytes)
{
    struct pair *pair = ((struct store *)context)->pair;

    assert_true(offset + bytes <= VMB_PAGE_BYTES);
    return gpn >= PAIR_FIRST_GPN && gpn < PAIR_FIRST_GPN + PAIR_PAGES
               ? pair->pages + (gpn - PAIR_FIRST_GPN) * VMB_PAGE_BYTES + offset
               : NULL;
}

static void store_released(void *device)
{
    struct store *store = vmb_stor_host_context(device);

    store->released++;
    store->primary = NULL;
}

static void store_offer(struct store *store)
{
    struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer),
                                           .driver = vmb_stor_host_driver(),
                                           .device = vmb_stor_host_device(store->host, 0),
                                           .hooks = &store->hooks,
                                           .instance_id = instance};

    store->hooks = *vmb_stor_host_hooks();
    store->hooks.released = store_released;
    assert_int_equal(vmb_host_offer(store->pair->host, &offer, &store->primary), VMB_OK);
}

/* A controller on the bus that the pair has now, with the disk as it is. */
static void store_make_host(struct store *store)
{
    struct vmb_stor_host_options options = {.struct_bytes = sizeof(options),
                                            .guest_memory = store_guest_memory,
                                            .context = store,
                                            .bus = store->no_bus ? NULL : store->pair->host,
                                            .instance_id = instance,
                                            .sub_channel_limit = CHANNELS - 1};
    size_t bytes = vmb_stor_host_memory_bytes(&options);
    struct vmb_stor_disk disk = memory_disk_describe(&store->disk);

    store->host_memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    assert_int_equal(vmb_stor_host_init(store->host_memory, bytes, &options, &store->host), VMB_OK);
    assert_int_equal(vmb_stor_host_add(store->host, 0, &disk), VMB_OK);
    store_offer(store);
}

static void store_moved(struct pair *pair)
{
    struct store *store = pair->own;

    free(store->host_memory); /* The old process is gone. */
    store_make_host(store);
}

static struct vmb_stor_host_counters host_counters(const struct store *store)
{
    struct vmb_stor_host_counters counters;

    vmb_stor_host_read_counters(store->host, &counters);
    return counters;
}

/* ---- The guest's end ------------------------------------------------------------------------- */

static void store_ready(void *context, vmb_status status)
{
    struct store *store = context;

    store->readies++;
    store->ready = status;
}

static void store_open_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    ((struct store *)context)->opened[vmb_channel_offer(channel)->subchannel_index] = status;
}

static vmb_status store_open(struct store *store, uint32_t index)
{
    store->opened[index] = NOT_TOLD;
    return vmb_stor_guest_open(store->guest, store->channels[index], index, store_open_done, store);
}

static void store_offered(struct pair *pair, struct vmb_channel *channel)
{
    struct store *store = pair->own;
    uint32_t index = vmb_channel_offer(channel)->subchannel_index;

    assert_true(index < CHANNELS);
    assert_null(store->channels[index]);
    store->channels[index] = channel;
    if (!store->by_hand) {
        assert_int_equal(store_open(store, index), VMB_OK);
    }
}

static void store_rescinded(struct pair *pair, struct vmb_channel *channel)
{
    struct store *store = pair->own;

    store->rescinded++;
    store->channels[vmb_channel_offer(channel)->subchannel_index] = NULL;
}

static void store_done(struct vmb_stor_request *request)
{
    ((struct store *)request->context)->done_count++;
}

static struct vmb_stor_request store_request(struct store *store, struct vmb_stor_command command)
{
    return (struct vmb_stor_request){.command = command,
                                     .data = {.first_gpn = store->data},
                                     .status = NOT_TOLD,
                                     .done = store_done,
                                     .context = store};
}

/* Submit, and see it through. */
static vmb_status store_do(struct store *store, uint32_t index, struct vmb_stor_request *request)
{
    uint32_t before = store->done_count;
    vmb_status status = vmb_stor_guest_submit(store->guest, index, request);

    if (status != VMB_OK) {
        return status;
    }
    pair_pump(store->pair);
    assert_int_equal(store->done_count, before + 1);
    return request->status;
}

static void store_closed(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)channel;
    ((struct store *)context)->closed = status;
}

static void store_close(struct store *store, uint32_t index)
{
    store->closed = NOT_TOLD;
    assert_int_equal(vmb_channel_close(store->channels[index], store_closed, store), VMB_OK);
    pair_pump(store->pair);
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* Nothing is connected. */
static struct store *store_make(bool by_hand, bool no_bus)
{
    struct store *store = calloc(1, sizeof(*store));
    struct vmb_stor_guest_options options = {.struct_bytes = sizeof(options),
                                             .sub_channel_limit = CHANNELS - 1,
                                             .context = store,
                                             .ready = store_ready};
    size_t bytes = vmb_stor_guest_memory_bytes(&options);
    struct pair *pair = pair_new(NULL, NULL, false);

    store->pair = pair;
    store->by_hand = by_hand;
    store->no_bus = no_bus;
    pair->own = store;
    pair->own_offered = store_offered;
    pair->own_rescinded = store_rescinded;
    pair->own_moved = store_moved;
    store->data = pair_lend(pair, DATA_PAGES, true);
    memory_disk_init(&store->disk, DISK_BYTES);
    store->guest_memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    assert_int_equal(vmb_stor_guest_init(store->guest_memory, bytes, &options, &store->guest),
                     VMB_OK);
    store_make_host(store);
    return store;
}

/* Connected; channels are opened when they are offered, unless @by_hand. */
static struct store *store_new(bool by_hand)
{
    struct store *store = store_make(by_hand, false);

    assert_int_equal(pair_connect(store->pair), VMB_OK);
    return store;
}

static void store_free(struct store *store)
{
    assert_int_equal(store->disk.bad_jobs, 0);
    store->by_hand = true;
    pair_take_back(store->pair, store->data, DATA_PAGES);
    pair_free(store->pair);
    memory_disk_deinit(&store->disk);
    free(store->guest_memory);
    free(store->host_memory);
    free(store);
}

static void assert_all_open(struct store *store)
{
    assert_int_equal(store->ready, VMB_OK);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        assert_non_null(store->channels[i]);
        assert_int_equal(store->opened[i], VMB_OK);
    }
}

/* All three are open, and the unit attention of LUN 0 has been taken. */
static struct store *store_open_all(void)
{
    struct store *store = store_new(false);
    struct vmb_stor_request request = store_request(store, vmb_stor_test_ready());

    assert_all_open(store);
    assert_int_equal(store_do(store, 0, &request), VMB_ERR_REFUSED);
    return store;
}

/* A read that stays at the disk. */
static void keep_a_read(struct store *store, uint32_t index, struct vmb_stor_request *request)
{
    *request = store_request(store, vmb_stor_read(0, 8, 512));
    store->disk.keeps = true;
    assert_int_equal(vmb_stor_guest_submit(store->guest, index, request), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->disk.kept_count, 1);
}

/* ---- Sub-channels ---------------------------------------------------------------------------- */

static void sub_channels_come_when_the_guest_asks(void **state)
{
    struct store *store = store_new(true);
    struct vmb_stor_request request = store_request(store, vmb_stor_test_ready());

    (void)state;
    assert_non_null(store->channels[0]);
    assert_null(store->channels[1]); /* Nobody has asked. */
    assert_int_equal(store_open(store, 0), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->ready, VMB_OK);
    assert_non_null(store->channels[1]);
    assert_non_null(store->channels[2]);
    assert_int_equal(vmb_stor_guest_submit(store->guest, 2, &request), VMB_ERR_WRONG_STATE);
    assert_int_equal(store_open(store, 2), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store_do(store, 2, &request), VMB_ERR_REFUSED); /* "Power on", once. */
    assert_int_equal(store_do(store, 2, &request), VMB_OK);
    assert_int_equal(vmb_stor_guest_submit(store->guest, 1, &request), VMB_ERR_WRONG_STATE);
    store_free(store);
}

static void each_channel_moves_data(void **state)
{
    struct store *store = store_open_all();

    (void)state;
    for (uint32_t i = 0; i < CHANNELS; i++) {
        struct vmb_stor_request request = store_request(store, vmb_stor_write(i, 1, 512, false));

        memset(store_data(store), (int)(0x40 + i), 512);
        assert_int_equal(store_do(store, i, &request), VMB_OK);
        memset(store_data(store), 0, 512);
        request.command = vmb_stor_read(i, 1, 512);
        assert_int_equal(store_do(store, (i + 1) % CHANNELS, &request), VMB_OK);
        assert_int_equal(store_data(store)[511], 0x40 + i);
        assert_int_equal(store->disk.now[i * 512], 0x40 + i);
    }
    store_free(store);
}

static void a_sub_channel_may_close_and_open_again(void **state)
{
    struct store *store = store_open_all();
    struct vmb_stor_request request = store_request(store, vmb_stor_test_ready());

    (void)state;
    store_close(store, 1);
    assert_int_equal(store->closed, VMB_OK);
    assert_int_equal(vmb_stor_guest_submit(store->guest, 1, &request), VMB_ERR_WRONG_STATE);
    assert_int_equal(store_do(store, 0, &request), VMB_OK); /* The others do not notice. */
    assert_int_equal(store_do(store, 2, &request), VMB_OK);
    assert_int_equal(store_open(store, 1), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->opened[1], VMB_OK);
    assert_int_equal(store_do(store, 1, &request), VMB_OK); /* No new unit attention. */
    assert_int_equal(store->rescinded, 0);
    store_free(store);
}

static void sub_channels_go_with_the_primary(void **state)
{
    struct store *store = store_open_all();

    (void)state;
    for (uint32_t round = 0; round < 3; round++) {
        store_close(store, 0);
        assert_int_equal(store->closed, VMB_OK);
        assert_int_equal(store->rescinded, (round + 1) * (CHANNELS - 1));
        assert_null(store->channels[1]);
        assert_null(store->channels[2]);
        assert_int_equal(vmb_stor_host_version(store->host), 0);
        assert_int_equal(store_open(store, 0), VMB_OK);
        pair_pump(store->pair);
        assert_int_equal(store->readies, round + 2);
        assert_all_open(store);
    }
    assert_int_equal(host_counters(store).offers_failed, 0);
    store_free(store);
}

/* The guest holds a sub-channel's relid back: the primary's close is not confirmed before. */
static void the_primary_waits_for_its_sub_channels(void **state)
{
    struct store *store = store_open_all();
    struct vmb_channel *held = store->channels[2];

    (void)state;
    store->pair->keep_rescinded = true;
    assert_int_equal(store_open(store, 2), VMB_ERR_WRONG_STATE); /* It is open. */
    store_close(store, 0);
    assert_int_equal(store->rescinded, CHANNELS - 1);
    assert_int_equal(vmb_channel_let_go(held), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->closed, VMB_OK);
    store->pair->keep_rescinded = false;
    store_free(store);
}

/* An open behind the close of the primary channel crosses the rescind that follows from it. */
static void a_sub_channel_does_not_open_while_the_primary_goes(void **state)
{
    struct store *store = store_new(true);
    struct vmb_stor_request read = store_request(store, vmb_stor_test_ready());

    (void)state;
    assert_int_equal(store_open(store, 0), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store_do(store, 0, &read), VMB_ERR_REFUSED);
    keep_a_read(store, 0, &read);
    store->closed = NOT_TOLD;
    assert_int_equal(vmb_channel_close(store->channels[0], store_closed, store), VMB_OK);
    assert_int_equal(store_open(store, 1), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->closed, NOT_TOLD); /* The disk has a job of the primary's. */
    assert_int_equal(store->opened[1], VMB_ERR_GONE);
    memory_disk_go_on(&store->disk, 0);
    pair_pump(store->pair);
    assert_int_equal(store->closed, VMB_OK);
    store_free(store);
}

/* An embedder who offers sub-channels himself has them refused until the guest asks for them. */
static void sub_channels_of_the_embedder(void **state)
{
    struct store *store = store_make(true, true);
    struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer),
                                           .driver = vmb_stor_host_driver(),
                                           .device = vmb_stor_host_device(store->host, 1),
                                           .hooks = vmb_stor_host_hooks(),
                                           .instance_id = instance,
                                           .subchannel_index = 1};
    struct vmb_stor_request request = store_request(store, vmb_stor_test_ready());

    (void)state;
    assert_int_equal(vmb_host_offer(store->pair->host, &offer, NULL), VMB_OK);
    assert_int_equal(pair_connect(store->pair), VMB_OK);
    assert_non_null(store->channels[1]);
    assert_int_equal(store_open(store, 1), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->opened[1], VMB_ERR_REFUSED);
    assert_int_equal(store_open(store, 0), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store_open(store, 1), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->opened[1], VMB_OK);
    assert_int_equal(store_do(store, 1, &request), VMB_ERR_REFUSED);
    assert_int_equal(store_do(store, 1, &request), VMB_OK);
    assert_null(store->channels[2]); /* He has offered one. */
    store_close(store, 0);
    assert_int_equal(store->closed, VMB_OK);
    assert_int_equal(store->rescinded, 0); /* He takes back what he has offered. */
    store_free(store);
}

/* ---- Work under way -------------------------------------------------------------------------- */

static void a_close_waits_for_the_disk(void **state)
{
    (void)state;
    for (uint32_t index = 0; index < CHANNELS; index++) {
        struct store *store = store_open_all();
        struct vmb_stor_request read;

        keep_a_read(store, index, &read);
        memset(store_data(store), 0xEE, 512);
        store_close(store, index);
        assert_int_equal(read.status, VMB_ERR_STILL_SHARED);
        memory_disk_go_on(&store->disk, 0); /* It may still write: nothing has been taken back. */
        assert_int_equal(store_data(store)[0], 0);
        pair_pump(store->pair);
        assert_int_equal(store->closed, VMB_OK);
        assert_int_equal(store->done_count, 2);
        store_free(store);
    }
}

static void a_revoked_controller_waits_for_the_disk(void **state)
{
    (void)state;
    for (uint32_t index = 0; index < CHANNELS; index++) {
        struct store *store = store_open_all();
        struct vmb_stor_request read;

        keep_a_read(store, index, &read);
        assert_int_equal(vmb_host_revoke(store->primary), VMB_OK);
        pair_pump(store->pair);
        assert_int_equal(store->released, 0);
        assert_int_equal(vmb_stor_host_remove(store->host, 0), VMB_ERR_BUSY);
        memory_disk_go_on(&store->disk, 0);
        vmb_stor_host_poll(store->host);
        pair_pump(store->pair);
        vmb_stor_host_poll(store->host);
        pair_pump(store->pair);
        assert_int_equal(store->released, 1);
        assert_int_equal(vmb_stor_host_remove(store->host, 0), VMB_OK);
        assert_int_equal(store->rescinded, CHANNELS);
        assert_int_equal(store->done_count, 2);
        store_free(store);
    }
}

static void a_revoked_controller_comes_back(void **state)
{
    struct store *store = store_open_all();
    struct vmb_stor_request request = store_request(store, vmb_stor_test_ready());

    (void)state;
    for (uint32_t round = 0; round < 3; round++) {
        assert_int_equal(vmb_host_revoke(store->primary), VMB_OK);
        pair_pump(store->pair);
        assert_int_equal(store->released, round + 1);
        assert_int_equal(vmb_stor_guest_submit(store->guest, 0, &request), VMB_ERR_WRONG_STATE);
        store_offer(store);
        pair_pump(store->pair);
        assert_all_open(store);
        assert_int_equal(store_do(store, 2, &request), VMB_ERR_REFUSED); /* "Power on" again. */
        assert_int_equal(store_do(store, 1, &request), VMB_OK);
    }
    store_free(store);
}

static void an_unload_takes_all(void **state)
{
    struct store *store = store_open_all();
    struct vmb_stor_request read;

    (void)state;
    keep_a_read(store, 1, &read);
    assert_int_equal(vmb_guest_unload(store->pair->guest), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->pair->unloaded, 0); /* The disk has the guest's memory. */
    memory_disk_go_on(&store->disk, 0);
    for (uint32_t i = 0; i < ENOUGH_TURNS; i++) {
        vmb_stor_host_poll(store->host);
        pair_pump(store->pair);
    }
    assert_int_equal(store->pair->unloaded, 1);
    assert_int_equal(store->done_count, 2);
    store->channels[0] = store->channels[1] = store->channels[2] = NULL;
    assert_int_equal(pair_connect(store->pair), VMB_OK);
    assert_all_open(store);
    store_free(store);
}

/* ---- The bus says no ------------------------------------------------------------------------- */

/* Somebody else has the place of sub-channel 1. */
static void another_at_our_place_is_counted(void **state)
{
    struct store *store = store_new(true);
    struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer),
                                           .driver = vmb_stor_host_driver(),
                                           .device = vmb_stor_host_device(store->host, 1),
                                           .instance_id = instance,
                                           .subchannel_index = 1};
    struct vmb_host_channel *other;

    (void)state;
    assert_int_equal(vmb_host_offer(store->pair->host, &offer, &other), VMB_OK);
    pair_pump(store->pair);
    assert_non_null(store->channels[1]);
    assert_int_equal(store_open(store, 0), VMB_OK);
    pair_pump(store->pair);
    assert_int_equal(store->ready, VMB_OK);
    assert_int_equal(host_counters(store).offers_failed, 1);
    assert_non_null(store->channels[2]);
    assert_int_equal(store_open(store, 2), VMB_OK); /* What could be had can be used. */
    pair_pump(store->pair);
    assert_int_equal(store->opened[2], VMB_OK);
    vmb_stor_host_poll(store->host);
    assert_int_equal(host_counters(store).offers_failed, 1); /* Not tried again and again. */
    assert_int_equal(vmb_host_revoke(other), VMB_OK);
    pair_pump(store->pair);
    store_free(store);
}

/* A sub-channel that the embedder takes off the bus is not in the way of the primary's end. */
static void a_sub_channel_that_others_revoke(void **state)
{
    struct store *store = store_open_all();
    struct vmb_host_channel *channel;
    struct vmb_stor_request read;
    uint32_t cursor = 0;

    (void)state;
    keep_a_read(store, 1, &read); /* So that it stays for a while. */
    while ((channel = vmb_host_next_channel(store->pair->host, &cursor)) != NULL &&
           vmb_host_channel_relid(channel) != vmb_channel_offer(store->channels[1])->relid) {
    }
    assert_non_null(channel);
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    store_close(store, 0);
    assert_int_equal(store->closed, NOT_TOLD);
    memory_disk_go_on(&store->disk, 0);
    vmb_stor_host_poll(store->host);
    pair_pump(store->pair);
    assert_int_equal(store->closed, VMB_OK);
    store_free(store);
}

/* ---- Another host ---------------------------------------------------------------------------- */

static void another_host_takes_over(void **state)
{
    struct store *store = store_open_all();
    struct vmb_stor_request request = store_request(store, vmb_stor_write(3, 1, 512, false));

    (void)state;
    for (uint32_t round = 0; round < 3; round++) {
        memset(store_data(store), (int)(0x50 + round), 512);
        request.command = vmb_stor_write(round, 1, 512, false);
        assert_int_equal(vmb_stor_guest_submit(store->guest, round, &request), VMB_OK);
        pair_move_host(store->pair); /* The request lies in the ring, or has been answered. */
        pair_pump(store->pair);
        assert_int_equal(request.status, VMB_OK);
        assert_int_equal(store->disk.now[round * 512], 0x50 + round);
        assert_int_equal(vmb_stor_host_version(store->host), vmb_stor_version(0));
    }
    assert_int_equal(store->rescinded, 0);
    assert_int_equal(store->readies, 1);
    store_close(store, 0); /* The new host knows which sub-channels are its own. */
    assert_int_equal(store->closed, VMB_OK);
    assert_int_equal(store->rescinded, CHANNELS - 1);
    store_free(store);
}

/* Before the sub-channels were offered: the new host has to. */
static void what_was_asked_for_travels_along(void **state)
{
    struct store *store = store_new(true);

    (void)state;
    store->pair->host_stopped = true;
    assert_int_equal(store_open(store, 0), VMB_OK);
    for (uint32_t i = 0; i < ENOUGH_TURNS && store->readies == 0; i++) {
        store->pair->host_stopped = false;
        (void)!vmb_host_poll(store->pair->host);
        (void)!vmb_host_run(store->pair->host, 1);
        store->pair->host_stopped = true;
        pair_pump(store->pair);
    }
    assert_int_equal(store->ready, VMB_OK);
    (void)!vmb_host_run(store->pair->host, 1); /* It reads the wish; the control plane sleeps. */
    assert_null(store->channels[1]);
    store->pair->host_stopped = false;
    pair_move_host(store->pair);
    pair_pump(store->pair);
    assert_non_null(store->channels[1]);
    assert_non_null(store->channels[2]);
    store_free(store);
}

static void a_save_waits_for_the_disk(void **state)
{
    struct store *store = store_open_all();
    struct vmb_stor_request read;
    size_t bytes = 0;

    (void)state;
    keep_a_read(store, 2, &read);
    assert_int_equal(vmb_host_save(store->pair->host, NULL, 0, &bytes), VMB_ERR_BUSY);
    memory_disk_go_on(&store->disk, 0);
    pair_pump(store->pair);
    assert_int_equal(read.status, VMB_OK);
    pair_move_host(store->pair);
    store->disk.keeps = false;
    read.command = vmb_stor_flush();
    assert_int_equal(store_do(store, 2, &read), VMB_OK);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sub_channels_come_when_the_guest_asks),
        cmocka_unit_test(each_channel_moves_data),
        cmocka_unit_test(a_sub_channel_may_close_and_open_again),
        cmocka_unit_test(sub_channels_go_with_the_primary),
        cmocka_unit_test(the_primary_waits_for_its_sub_channels),
        cmocka_unit_test(a_sub_channel_does_not_open_while_the_primary_goes),
        cmocka_unit_test(sub_channels_of_the_embedder),
        cmocka_unit_test(a_close_waits_for_the_disk),
        cmocka_unit_test(a_revoked_controller_waits_for_the_disk),
        cmocka_unit_test(a_revoked_controller_comes_back),
        cmocka_unit_test(an_unload_takes_all),
        cmocka_unit_test(another_at_our_place_is_counted),
        cmocka_unit_test(a_sub_channel_that_others_revoke),
        cmocka_unit_test(another_host_takes_over),
        cmocka_unit_test(what_was_asked_for_travels_along),
        cmocka_unit_test(a_save_waits_for_the_disk),
    };

    return cmocka_run_group_tests_name("storage on a bus", tests, NULL, NULL);
}
