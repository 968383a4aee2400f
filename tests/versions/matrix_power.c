/* SPDX-License-Identifier: MIT */
/* The version matrix: sleeping, leaving, crashing, being handed over, and a host that is moved. */
#include "matrix.h"

static vmb_status power_suspend(struct pair *pair)
{
    MATRIX_HOLDS(vmb_guest_suspend(pair->guest) == VMB_OK);
    pair_pass(pair, 5000000000u);
    MATRIX_HOLDS(pair->suspended == 1);
    return VMB_OK;
}

static vmb_status power_resume(struct pair *pair)
{
    uint32_t before = pair->connected;

    MATRIX_HOLDS(vmb_guest_resume(pair->guest) == VMB_OK);
    pair_pass(pair, 5000000000u);
    MATRIX_HOLDS(pair->connected == before + 1 && pair->connected_status == VMB_OK);
    return VMB_OK;
}

static vmb_status power_sleeps(struct pair *pair, const struct matrix_column *column)
{
    uint32_t old_relid;

    MATRIX_HOLDS(matrix_opened(pair, 2, 2) == VMB_OK);
    old_relid = vmb_channel_relid(pair->devices[1].channel);
    pair_send(pair, 0, 1000);
    MATRIX_HOLDS(power_suspend(pair) == VMB_OK);
    MATRIX_HOLDS(pair->suspended_status == VMB_OK || column->version < VMB_VERSION_1_1);
    /* Another device gets the first place: all relids are others. */
    pair_revoke(pair, 0);
    pair_pump(pair);
    pair->devices[0].instance = 0x7F;
    pair_offer(pair, 0, 0, pair->devices[0].flags);
    MATRIX_HOLDS(power_resume(pair) == VMB_OK);
    MATRIX_HOLDS(vmb_guest_version(pair->guest) == column->version);
    MATRIX_HOLDS(pair->resumed == 2 && pair->devices[1].resumed == 1);
    MATRIX_HOLDS(vmb_channel_relid(pair->devices[1].channel) != old_relid);
    MATRIX_HOLDS(pair_open(pair, 1, 3, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    return VMB_OK;
}

static vmb_status power_device_lost(struct pair *pair, const struct matrix_column *column)
{
    (void)column;
    MATRIX_HOLDS(matrix_opened(pair, 2, 1) == VMB_OK);
    MATRIX_HOLDS(power_suspend(pair) == VMB_OK);
    pair_revoke(pair, 0); /* Rescinded while it slept. */
    pair_pump(pair);
    MATRIX_HOLDS(power_resume(pair) == VMB_OK);
    MATRIX_HOLDS(pair->devices[0].rescinded == 1 && pair->devices[0].channel == NULL);
    MATRIX_HOLDS(pair->passed[PAIR_TO_HOST][VMB_MSG_RELID_RELEASED] == 0); /* Not its to release. */
    MATRIX_HOLDS(pair_open(pair, 1, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    return VMB_OK;
}

static uint32_t power_dropped;

static bool power_drops(struct pair *pair, enum pair_way way, uint32_t number)
{
    (void)pair;
    (void)way;
    return number != power_dropped;
}

static vmb_status power_resume_fails(struct pair *pair, const struct matrix_column *column)
{
    uint32_t before;

    (void)column;
    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    MATRIX_HOLDS(power_suspend(pair) == VMB_OK);
    power_dropped = VMB_MSG_VERSION_RESPONSE;
    pair->passes = power_drops;
    before = pair->connected;
    MATRIX_HOLDS(vmb_guest_resume(pair->guest) == VMB_OK);
    pair_pass(pair, 5000000000u);
    MATRIX_HOLDS(pair->connected == before + 1 && pair->connected_status == VMB_ERR_TIMEOUT);
    pair->passes = NULL;
    MATRIX_HOLDS(power_resume(pair) == VMB_OK); /* Tried again. */
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

static vmb_status power_unloads(struct pair *pair, const struct matrix_column *column)
{
    vmb_status status;
    uint32_t i;

    MATRIX_HOLDS(matrix_opened(pair, 3, 2) == VMB_OK);
    for (i = 0; i < 3; i++) {
        pair_send(pair, i, 10000);
    }
    MATRIX_HOLDS(vmb_channel_close(pair->devices[2].channel, NULL, NULL) == VMB_OK);
    status = pair_unload(pair);
    /* Server 2008 confirms nothing: the rings stay with it, and the guest says so. */
    MATRIX_HOLDS(status == (column->version < VMB_VERSION_1_1 ? VMB_ERR_STILL_SHARED : VMB_OK));
    for (i = 0; i < 3; i++) {
        MATRIX_HOLDS(pair->devices[i].closed == 1 && pair->devices[i].host_closed == 1);
    }
    MATRIX_HOLDS(pair_connect(pair) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

static vmb_status power_unload_unanswered(struct pair *pair, const struct matrix_column *column)
{
    vmb_status status;

    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    power_dropped = VMB_MSG_UNLOAD_COMPLETE;
    pair->passes = power_drops;
    status = pair_unload(pair);
    MATRIX_HOLDS(status ==
                 (column->version < VMB_VERSION_1_1 ? VMB_ERR_STILL_SHARED : VMB_ERR_TIMEOUT));
    pair->passes = NULL;
    MATRIX_HOLDS(pair_connect(pair) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

/* A crash in the middle of everything, polled with interrupts off; then a new kernel. */
static vmb_status power_crashes(struct pair *pair, const struct matrix_column *column)
{
    vmb_status status = VMB_ERR_RETRY;
    uint32_t turn;

    MATRIX_HOLDS(matrix_opened(pair, 2, 3) == VMB_OK);
    pair_send(pair, 0, 10000);
    MATRIX_HOLDS(pair_open_begin(pair, 2, 1, false) == VMB_OK); /* Half-done. */
    pair->guest_stopped = true;
    for (turn = 0; turn < 1000 && status == VMB_ERR_RETRY; turn++) {
        status = vmb_guest_crash_unload(pair->guest);
        pair->now_ns += 10000000u;
        pair_pump(pair);
    }
    MATRIX_HOLDS(status == (column->version < VMB_VERSION_3_0 ? VMB_ERR_VERSION : VMB_OK));
    pair_reboot(pair, NULL);
    MATRIX_HOLDS(pair_connect(pair) == VMB_OK);
    MATRIX_HOLDS(vmb_guest_version(pair->guest) == column->version);
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return status;
}

/* Firmware of an older version leaves without a word, messages and flags behind it. */
static vmb_status power_hand_over(struct pair *pair, const struct matrix_column *column)
{
    struct vmb_guest_options os = pair->guest_options;
    struct vmb_guest_options firmware = os;

    firmware.max_version = vmb_version_next_lower(column->version);
    if (firmware.max_version == VMB_VERSION_NONE) {
        firmware.max_version = column->version;
    }
    firmware.features = 0;
    pair_reboot(pair, &firmware);
    MATRIX_HOLDS(matrix_opened(pair, 2, 1) == VMB_OK);
    pair_send(pair, 0, 10000);
    pair_revoke(pair, 2); /* Its rescind lies in the slot. */
    pair->guest_stopped = true;
    pair_pump(pair);
    memset(pair->synic[0].events, 0xFF, (size_t)PAIR_VPS * VMB_PAGE_BYTES);
    pair_reboot(pair, &os);
    MATRIX_HOLDS(pair_connect(pair) == VMB_OK);
    MATRIX_HOLDS(vmb_guest_version(pair->guest) == column->version);
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 1, 2, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0) && matrix_talks(pair, 1));
    return VMB_OK;
}

static vmb_status power_host_moves(struct pair *pair, const struct matrix_column *column)
{
    uint32_t turn, i;

    (void)column;
    MATRIX_HOLDS(matrix_opened(pair, 3, 2) == VMB_OK);
    for (turn = 0; turn < 5; turn++) {
        for (i = 0; i < 3; i++) {
            pair_send(pair, i, 40); /* The first of them are in the ring, and signalled. */
        }
        pair_move_host(pair);
        for (i = 0; i < 3; i++) {
            MATRIX_HOLDS(pair_drained(pair, i) == VMB_OK);
        }
    }
    MATRIX_HOLDS(pair->devices[0].closed == 0);
    MATRIX_HOLDS(pair_close(pair, 0) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 0, 3, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

static vmb_status power_host_moves_opening(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[0];

    (void)column;
    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    pair->host_stopped = true;
    MATRIX_HOLDS(pair_open_begin(pair, 0, 1, false) == VMB_OK);
    pair_pump(pair); /* The GPADL lies in the host's queue. */
    pair_move_host(pair);
    pair->host_stopped = false;
    pair_pump(pair);
    MATRIX_HOLDS(device->done_count == 1 && device->done_status == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

static vmb_status power_reset(struct pair *pair, const struct matrix_column *column)
{
    (void)column;
    MATRIX_HOLDS(matrix_opened(pair, 3, 1) == VMB_OK);
    pair_send(pair, 0, 10000);
    pair->guest_stopped = true;
    vmb_host_reset(pair->host);
    pair_pump(pair);
    pair_reboot(pair, NULL);
    MATRIX_HOLDS(pair_connect(pair) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 0, 1, false) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

const struct matrix_scenario matrix_power[] = {
    {"suspend and resume, other relids", power_sleeps},
    {"rescind: suspended", power_device_lost},
    {"resume: fails, tried again", power_resume_fails},
    {"unload with everything in flight", power_unloads},
    {"unload: no answer", power_unload_unanswered},
    {"crash, and a new kernel", power_crashes},
    {"firmware of an older version, no unload", power_hand_over},
    {"machine reset", power_reset},
    {"host saved and restored, 5 times mid-traffic", power_host_moves},
    {"host saved and restored while opening", power_host_moves_opening},
};
const uint32_t matrix_power_count = sizeof(matrix_power) / sizeof(matrix_power[0]);
