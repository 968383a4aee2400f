/* SPDX-License-Identifier: MIT */
/*
 * The peer of a driver that writes over the rings, and over memory that it was told of, between any
 * two loads of the driver's; after drivers.h. Strict: in one handler call no byte of the ring's
 * data is loaded twice, unless the packets went round the ring meanwhile.
 */
#ifndef VMB_FUZZ_DRIVERS_TOCTOU_H
#define VMB_FUZZ_DRIVERS_TOCTOU_H

#include "toctou.h"

static uint32_t toctou_looked[DRIVER_DATA_BYTES]; /* In which epoch each byte was loaded last. */
static uint32_t toctou_epoch;
static uint32_t toctou_read_offset; /* Where the driver was at the last load. */
static bool toctou_live;
static uint8_t *toctou_memory; /* More that the peer may write. */
static size_t toctou_memory_bytes;

static void toctou_look_once(size_t offset, size_t bytes)
{
    if (bench.endpoint.rx.read_offset < toctou_read_offset) {
        toctou_epoch++;
    }
    toctou_read_offset = bench.endpoint.rx.read_offset;
    for (size_t i = 0; i < bytes && offset + i < DRIVER_DATA_BYTES; i++) {
        FUZZ_CHECK(toctou_looked[offset + i] != toctou_epoch);
        toctou_looked[offset + i] = toctou_epoch;
    }
}

static void load_comes(const void *address, size_t bytes)
{
    size_t offset = toctou_within(address, bench.rx, 2 * VMB_PAGE_BYTES);

    if (!toctou_live) {
        return;
    }
    if (offset < VMB_PAGE_BYTES) {
        toctou_may_write(address, bytes, 1024); /* A spoilt index ends the session. */
    } else if (offset != SIZE_MAX) {
        toctou_may_write(address, bytes, 16);
        toctou_look_once(offset - VMB_PAGE_BYTES, bytes);
    } else if (toctou_within(address, bench.tx, 64) != SIZE_MAX) {
        toctou_may_write(address, bytes, 1024);
    } else if (toctou_within(address, toctou_memory, toctou_memory_bytes) != SIZE_MAX) {
        toctou_may_write(address, bytes, 16);
    }
}

static void toctou_enter(void)
{
    toctou_epoch++;
    toctou_read_offset = bench.endpoint.rx.read_offset;
    toctou_live = true;
}

static void toctou_leave(void)
{
    toctou_live = false;
}

#endif /* VMB_FUZZ_DRIVERS_TOCTOU_H */
