/* SPDX-License-Identifier: MIT */
/*
 * The same storage sessions against a peer that writes over rings and data while they are read: see
 * drivers_toctou.h. Whatever is written, jobs stay on the disk and in the guest's memory, and each
 * request ends once.
 */
#define FUZZ_TOCTOU
#include "fuzz_drivers_stor.c"
