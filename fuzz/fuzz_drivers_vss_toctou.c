/* SPDX-License-Identifier: MIT */
/* Backup against a peer that writes while it is read: see drivers_toctou.h. */
#define FUZZ_TOCTOU
#include "fuzz_drivers_vss.c"
