/* SPDX-License-Identifier: MIT */
/*
 * The same storage sessions against a peer that writes over rings and data while they are read: the
 * library is compiled with a call before each load (see fuzz_ring_toctou.c), and what is written
 * there, and when, follows from the input. Whatever it is, jobs stay on the disk and in the guest's
 * memory, and each request ends once.
 */
#include "drivers_stor.h"

#define FUZZ_LONGEST 1024 /* Bytes of an input. */

void *toctou_copy(void *target, const void *source, size_t bytes);
void __sanitizer_cov_load1(uint8_t *address);
void __sanitizer_cov_load2(uint16_t *address);
void __sanitizer_cov_load4(uint32_t *address);
void __sanitizer_cov_load8(uint64_t *address);
void __sanitizer_cov_load16(__uint128_t *address);

static uint32_t dice;

static uint32_t roll(void)
{
    dice = dice * 1664525u + 1013904223u;
    return dice >> 8;
}

static bool is_in(const void *address, const uint8_t *memory, size_t bytes)
{
    return memory != NULL && (const uint8_t *)address >= memory &&
           (const uint8_t *)address < memory + bytes;
}

/* Before a load of shared memory: now and then, other bytes there, or close by. */
static void load_comes(const void *address)
{
    uint8_t *at = (uint8_t *)(uintptr_t)address;

    if (!live || (!is_in(address, bench.rx, 2 * VMB_PAGE_BYTES) && !is_in(address, bench.tx, 64) &&
                  !is_in(address, pages, (size_t)STOR_PAGES * VMB_PAGE_BYTES))) {
        return;
    }
    /* An index that is spoilt ends the session: not too often. */
    if (roll() % (is_in(address, bench.rx, VMB_PAGE_BYTES) ? 1024 : 16) == 0) {
        *at = (uint8_t)roll();
    }
}

void __sanitizer_cov_load1(uint8_t *address)
{
    load_comes(address);
}

void __sanitizer_cov_load2(uint16_t *address)
{
    load_comes(address);
}

void __sanitizer_cov_load4(uint32_t *address)
{
    load_comes(address);
}

void __sanitizer_cov_load8(uint64_t *address)
{
    load_comes(address);
}

void __sanitizer_cov_load16(__uint128_t *address)
{
    load_comes(address);
}

void *toctou_copy(void *target, const void *source, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        load_comes((const uint8_t *)source + i);
        ((uint8_t *)target)[i] = ((const uint8_t *)source)[i];
    }
    return target;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    rewriting = true;
    stor_make();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dice = 1;
    for (size_t i = 0; i < size; i++) {
        dice = dice * 31u + data[i];
    }
    live = false;
    stor_session(data, size);
    return 0;
}
