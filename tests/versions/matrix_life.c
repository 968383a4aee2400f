/* SPDX-License-Identifier: MIT */
/* The version matrix: the life of a channel. */
#include "matrix.h"

enum {
    BIG_PAGES = 400
};

static vmb_status life_opens(struct pair *pair, const struct matrix_column *column)
{
    uint32_t i;

    MATRIX_HOLDS(matrix_opened(pair, 3, 2) == VMB_OK);
    for (i = 0; i < 3; i++) {
        MATRIX_HOLDS(vmb_channel_target_vp(pair->devices[i].channel) ==
                     (column->version < VMB_VERSION_2_4 ? 0 : 2));
        MATRIX_HOLDS(matrix_talks(pair, i));
        MATRIX_HOLDS(pair_close(pair, i) == VMB_OK);
        MATRIX_HOLDS(pair->devices[i].closed == 1 && pair->devices[i].host_closed == 1);
    }
    MATRIX_HOLDS(pair_open(pair, 1, 3, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    return VMB_OK;
}

static vmb_status life_refused(struct pair *pair, const struct matrix_column *column)
{
    (void)column;
    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    pair->devices[0].open_answer = VMB_ERR_REFUSED;
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_ERR_REFUSED);
    pair->devices[0].open_answer = VMB_OK;
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

static void life_gpadl_done(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    (void)gpadl;
    *(vmb_status *)context = status;
}

static vmb_status life_gpadl(struct pair *pair, const struct matrix_column *column)
{
    struct vmb_gpadl_range range = {.byte_count = BIG_PAGES * VMB_PAGE_BYTES};
    struct vmb_gpadl gpadl;
    vmb_status ended = VMB_ERR_RETRY;

    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    range.first_gpn =
        pair_lend(pair, BIG_PAGES, (column->features & VMB_FEATURE_CONFIDENTIAL) == 0);
    MATRIX_HOLDS(vmb_channel_gpadl_create(pair->devices[0].channel, &gpadl, &range, 1,
                                          life_gpadl_done, &ended) == VMB_OK);
    pair_pump(pair);
    MATRIX_HOLDS(ended == VMB_OK);
    MATRIX_HOLDS(pair->passed[PAIR_TO_HOST][VMB_MSG_GPADL_BODY] == (BIG_PAGES - 26 + 27) / 28);
    ended = VMB_ERR_RETRY;
    MATRIX_HOLDS(vmb_channel_gpadl_teardown(&gpadl, life_gpadl_done, &ended) == VMB_OK);
    pair_pump(pair);
    MATRIX_HOLDS(ended == VMB_OK);
    pair_take_back(pair, range.first_gpn, BIG_PAGES);
    return VMB_OK;
}

static vmb_status life_retargets(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];
    vmb_status status = VMB_OK;
    uint32_t turn;

    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    for (turn = 0; turn < 50; turn++) {
        pair_send(pair, 0, 20);
        status = pair_retarget(pair, 0, turn % PAIR_VPS);
        MATRIX_HOLDS((status == VMB_OK) == (column->version >= VMB_VERSION_4_1));
    }
    MATRIX_HOLDS(pair_drained(pair, 0) == VMB_OK);
    if (status == VMB_OK) {
        MATRIX_HOLDS(vmb_channel_target_vp(device->channel) == 49 % PAIR_VPS);
        MATRIX_HOLDS(vmb_host_channel_target_vp(device->host_channel) == 49 % PAIR_VPS);
    }
    return status;
}

static vmb_status life_second_move(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];
    vmb_status status;

    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    device->done_count = 0;
    status = vmb_channel_set_target_vp(device->channel, 2, pair_done, device);
    if (status == VMB_OK) {
        MATRIX_HOLDS(vmb_channel_set_target_vp(device->channel, 3, pair_done, device) ==
                     VMB_ERR_BUSY);
        pair_pump(pair);
        MATRIX_HOLDS(device->done_count == 1 && device->done_status == VMB_OK);
        MATRIX_HOLDS(pair_retarget(pair, 0, 3) == VMB_OK);
    }
    MATRIX_HOLDS((status == VMB_OK) == (column->version >= VMB_VERSION_4_1));
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return status;
}

static bool life_no_modify_response(struct pair *pair, enum pair_way way, uint32_t number)
{
    (void)pair;
    (void)way;
    return number != VMB_MSG_MODIFY_CHANNEL_RESPONSE;
}

static vmb_status life_move_unanswered(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];
    vmb_status status;

    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    pair->passes = life_no_modify_response;
    status = pair_retarget(pair, 0, 2);
    if (column->version >= VMB_VERSION_5_3) {
        MATRIX_HOLDS(status == VMB_ERR_TIMEOUT);
        status = VMB_OK;
    }
    MATRIX_HOLDS(matrix_talks(pair, 0)); /* Whichever VP it is now. */
    if (status != VMB_OK) {
        return status;
    }
    device->done_count = 0;
    /* The answer names no VP: while one may still come there is no second request. */
    MATRIX_HOLDS(vmb_channel_set_target_vp(device->channel, 3, NULL, NULL) ==
                 (column->version >= VMB_VERSION_5_3 ? VMB_ERR_BUSY : VMB_OK));
    MATRIX_HOLDS(pair_close(pair, 0) == VMB_OK); /* Does not wait for the answer either. */
    return VMB_OK;
}

static vmb_status life_offline(struct pair *pair, const struct matrix_column *column)
{
    uint32_t turn, number;
    vmb_status status = VMB_OK;

    MATRIX_HOLDS(matrix_opened(pair, 3, 2) == VMB_OK);
    for (turn = 0; turn < 5 && status == VMB_OK; turn++) {
        for (number = 0; number < 3; number++) {
            pair_send(pair, number, 50);
        }
        status = pair_vp_off(pair, 2);
        for (number = 0; number < 3; number++) {
            MATRIX_HOLDS(pair_drained(pair, number) == VMB_OK);
        }
        MATRIX_HOLDS(pair->lost_events == 0);
        if (status == VMB_OK) {
            pair_vp_on(pair, 2);
        }
        for (number = 0; number < 3 && column->version >= VMB_VERSION_4_1; number++) {
            MATRIX_HOLDS(pair_retarget(pair, number, 2) == VMB_OK);
        }
    }
    return status;
}

static vmb_status life_offline_races(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *opening = &pair->devices[1];
    vmb_status status;

    MATRIX_HOLDS(matrix_opened(pair, 1, 2) == VMB_OK);
    MATRIX_HOLDS(pair_vp_off(pair, 0) == VMB_ERR_WRONG_STATE); /* Messages come there. */
    pair_send(pair, 0, 50);
    MATRIX_HOLDS(pair_open_begin(pair, 1, 2, false) == VMB_OK);
    status = pair_vp_off(pair, 2); /* While one opens there, */
    pair_revoke(pair, 2);
    pair_pump(pair);
    MATRIX_HOLDS(opening->done_count == 1 && opening->done_status == VMB_OK);
    MATRIX_HOLDS(pair_drained(pair, 0) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    MATRIX_HOLDS(pair->lost_events == 0);
    MATRIX_HOLDS(status == VMB_OK ||
                 (column->version >= VMB_VERSION_2_4 && column->version < VMB_VERSION_4_1));
    return status;
}

/* ---- Rescind ----------------------------------------------------------------------------------
 */

/* The device is back with the same relid, and works. */
static vmb_status life_returns(struct pair *pair, uint32_t relid)
{
    struct pair_device *device = &pair->devices[0];

    device->open_answer = device->close_answer = VMB_OK;
    pair_pump(pair);
    MATRIX_HOLDS(device->rescinded == 1 && device->channel == NULL);
    MATRIX_HOLDS(device->released == 1);
    MATRIX_HOLDS(pair->passed[PAIR_TO_HOST][VMB_MSG_RELID_RELEASED] == 1);
    MATRIX_HOLDS(device->opened == device->closed && device->host_opened == device->host_closed);
    pair_offer(pair, 0, 0, device->flags);
    pair_pump(pair);
    MATRIX_HOLDS(device->channel != NULL && vmb_channel_relid(device->channel) == relid);
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    MATRIX_HOLDS(matrix_talks(pair, 1));
    return VMB_OK;
}

/* Device 1 open, and device 0 about to be revoked. */
static vmb_status life_before_rescind(struct pair *pair, uint32_t *out_relid)
{
    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 1, 1, false) == VMB_OK);
    *out_relid = vmb_channel_relid(pair->devices[0].channel);
    pair->passed[PAIR_TO_HOST][VMB_MSG_RELID_RELEASED] = 0;
    return VMB_OK;
}

static vmb_status life_rescind_offered(struct pair *pair, const struct matrix_column *column)
{
    uint32_t relid;

    (void)column;
    MATRIX_HOLDS(life_before_rescind(pair, &relid) == VMB_OK);
    pair_revoke(pair, 0);
    return life_returns(pair, relid);
}

static vmb_status life_rescind_opening(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];
    uint32_t relid;

    (void)column;
    MATRIX_HOLDS(life_before_rescind(pair, &relid) == VMB_OK);
    device->open_answer = VMB_ERR_BUSY;
    MATRIX_HOLDS(pair_open_begin(pair, 0, 1, false) == VMB_OK);
    pair_pump(pair);
    MATRIX_HOLDS(device->done_count == 0);
    pair_revoke(pair, 0); /* The answer never comes. */
    pair_pump(pair);
    MATRIX_HOLDS(device->done_count == 1 && device->done_status == VMB_ERR_GONE);
    return life_returns(pair, relid);
}

static vmb_status life_rescind_open(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];
    uint32_t relid;

    (void)column;
    MATRIX_HOLDS(life_before_rescind(pair, &relid) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 0, 2, false) == VMB_OK);
    pair_send(pair, 0, 100000); /* Packets in flight. */
    pair_revoke(pair, 0);
    pair_pump(pair);
    MATRIX_HOLDS(device->closed == 1 && device->closed_reason == VMB_ERR_GONE);
    return life_returns(pair, relid);
}

static vmb_status life_rescind_closing(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];
    uint32_t relid;

    (void)column;
    MATRIX_HOLDS(life_before_rescind(pair, &relid) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 0, 2, false) == VMB_OK);
    device->close_answer = VMB_ERR_BUSY;
    device->done_count = 0;
    MATRIX_HOLDS(vmb_channel_close(device->channel, pair_done, device) == VMB_OK);
    pair_pump(pair);
    MATRIX_HOLDS(device->done_count == 0);
    pair_revoke(pair, 0);
    pair_pump(pair);
    MATRIX_HOLDS(vmb_host_close_done(device->host_channel) == VMB_OK);
    pair_pump(pair);
    MATRIX_HOLDS(device->done_count == 1);
    return life_returns(pair, relid);
}

static uint32_t life_revoke_at;

static bool life_revokes(struct pair *pair, enum pair_way way, uint32_t number)
{
    if (way == PAIR_TO_HOST && number == life_revoke_at) {
        pair->passes = NULL;
        pair_revoke(pair, 0);
    }
    return true;
}

/* The rescind crosses this message of the opening. */
static vmb_status life_rescind_crosses(struct pair *pair, uint32_t number)
{
    struct pair_device *device = &pair->devices[0];
    uint32_t relid;

    MATRIX_HOLDS(life_before_rescind(pair, &relid) == VMB_OK);
    life_revoke_at = number;
    pair->passes = life_revokes;
    MATRIX_HOLDS(pair_open_begin(pair, 0, 2, false) == VMB_OK);
    pair_pump(pair);
    if (device->done_status == VMB_OK) {
        MATRIX_HOLDS(device->closed == 1 && device->closed_reason == VMB_ERR_GONE);
    }
    MATRIX_HOLDS(device->done_count == 1);
    return life_returns(pair, relid);
}

static vmb_status life_rescind_gpadl(struct pair *pair, const struct matrix_column *column)
{
    (void)column;
    return life_rescind_crosses(pair, VMB_MSG_GPADL_HEADER);
}

static vmb_status life_rescind_open_message(struct pair *pair, const struct matrix_column *column)
{
    (void)column;
    return life_rescind_crosses(pair, VMB_MSG_OPEN_CHANNEL);
}

static vmb_status life_rescind_moving(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];
    uint32_t relid;
    vmb_status status;

    MATRIX_HOLDS(life_before_rescind(pair, &relid) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 0, 2, false) == VMB_OK);
    life_revoke_at = VMB_MSG_MODIFY_CHANNEL;
    pair->passes = life_revokes;
    device->done_count = 0;
    status = vmb_channel_set_target_vp(device->channel, 3, pair_done, device);
    if (status == VMB_OK) {
        pair_pump(pair);
        MATRIX_HOLDS(device->done_count == 1);
        MATRIX_HOLDS(column->version < VMB_VERSION_5_3 || device->done_status == VMB_ERR_GONE);
        MATRIX_HOLDS(life_returns(pair, relid) == VMB_OK);
    }
    return status;
}

static vmb_status life_rescind_twice(struct pair *pair, const struct matrix_column *column)
{
    struct vmb_message again = {.number = VMB_MSG_RESCIND_OFFER};
    uint32_t relid;

    (void)column;
    MATRIX_HOLDS(life_before_rescind(pair, &relid) == VMB_OK);
    again.u.rescind.relid = relid;
    pair_revoke(pair, 0);
    pair_pump(pair);
    (void)pair_say(pair, PAIR_TO_GUEST, &again);
    return life_returns(pair, relid);
}

/* ---- Sub-channels -----------------------------------------------------------------------------
 */

static vmb_status life_subchannels(struct pair *pair, const struct matrix_column *column)
{
    uint32_t i;

    MATRIX_HOLDS(matrix_opened(pair, 1, 0) == VMB_OK);
    for (i = 6; i >= 4; i--) { /* In the wrong order. */
        pair_offer(pair, i, (uint16_t)(i - 3), pair->devices[0].flags);
    }
    pair_pump(pair);
    if (column->version < VMB_VERSION_2_4) {
        /* The field is there and nobody reads it: the guest must not take them for devices. */
        MATRIX_HOLDS(pair->offered == 3 && pair->stranger == NULL);
        MATRIX_HOLDS(matrix_talks(pair, 0));
        return MATRIX_ABSENT;
    }
    for (i = 4; i <= 6; i++) {
        MATRIX_HOLDS(pair->devices[i].channel != NULL);
        MATRIX_HOLDS(vmb_channel_primary(pair->devices[i].channel) == pair->devices[0].channel);
        MATRIX_HOLDS(pair_open(pair, i, i - 3, false) == VMB_OK);
        pair_send(pair, i, 200);
    }
    for (i = 4; i <= 6; i++) {
        MATRIX_HOLDS(pair_drained(pair, i) == VMB_OK);
    }
    pair_revoke(pair, 5);
    pair_pump(pair);
    MATRIX_HOLDS(pair->devices[5].rescinded == 1 && pair->devices[5].released == 1);
    MATRIX_HOLDS(matrix_talks(pair, 4) && matrix_talks(pair, 6) && matrix_talks(pair, 0));
    for (i = 4; i <= 6; i += 2) {
        MATRIX_HOLDS(pair_close(pair, i) == VMB_OK);
    }
    MATRIX_HOLDS(pair_close(pair, 0) == VMB_OK);
    return VMB_OK;
}

static vmb_status life_subchannels_all_gone(struct pair *pair, const struct matrix_column *column)
{
    static const uint32_t order[] = {0, 5, 4}; /* The primary first, as a host may. */
    uint32_t i;

    if (column->version < VMB_VERSION_2_4) {
        return MATRIX_ABSENT;
    }
    MATRIX_HOLDS(matrix_opened(pair, 1, 0) == VMB_OK);
    for (i = 4; i <= 5; i++) {
        pair_offer(pair, i, (uint16_t)(i - 3), pair->devices[0].flags);
        pair_pump(pair);
        MATRIX_HOLDS(pair_open(pair, i, i - 3, false) == VMB_OK);
        pair_send(pair, i, 1000);
    }
    for (i = 0; i < 3; i++) {
        pair_revoke(pair, order[i]);
    }
    pair_pump(pair);
    for (i = 0; i < 3; i++) {
        MATRIX_HOLDS(pair->devices[order[i]].rescinded == 1);
        MATRIX_HOLDS(pair->devices[order[i]].released == 1);
        MATRIX_HOLDS(pair->devices[order[i]].closed == 1);
    }
    return VMB_OK;
}

const struct matrix_scenario matrix_life[] = {
    {"open, 300 packets, close, open again", life_opens},
    {"open: refused, then not", life_refused},
    {"GPADL of 400 pages, and back", life_gpadl},
    {"retarget, 50 times under traffic", life_retargets},
    {"retarget: a second one meanwhile", life_second_move},
    {"retarget: the answer never comes", life_move_unanswered},
    {"VP off and on, 5 times under traffic", life_offline},
    {"VP off beside open and rescind", life_offline_races},
    {"rescind: offered", life_rescind_offered},
    {"rescind: opening", life_rescind_opening},
    {"rescind: packets in flight", life_rescind_open},
    {"rescind: closing", life_rescind_closing},
    {"rescind: crosses the GPADL", life_rescind_gpadl},
    {"rescind: crosses the open", life_rescind_open_message},
    {"rescind: crosses a retarget", life_rescind_moving},
    {"rescind: twice", life_rescind_twice},
    {"sub-channels: out of order, one rescinded", life_subchannels},
    {"sub-channels: all rescinded, primary first", life_subchannels_all_gone},
};
const uint32_t matrix_life_count = sizeof(matrix_life) / sizeof(matrix_life[0]);
