/* SPDX-License-Identifier: MIT */
/* Heartbeat, shutdown, time sync against a peer that writes meanwhile: see drivers_toctou.h. */
#define FUZZ_TOCTOU
#include "fuzz_drivers_ic.c"
