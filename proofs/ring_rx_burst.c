/* SPDX-License-Identifier: MIT */
/* The same of a burst, which takes a prover longer than all other calls together. */
#define PROOF_BURST
#include "ring_rx.c"
