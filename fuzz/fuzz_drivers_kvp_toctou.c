/* SPDX-License-Identifier: MIT */
/* Key/value exchange against a peer that writes while it is read: see drivers_toctou.h. */
#define FUZZ_TOCTOU
#include "fuzz_drivers_kvp.c"
