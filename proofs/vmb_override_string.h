/* SPDX-License-Identifier: MIT */
/*
 * Copies as the proofs see them: both ends are checked, and what arrives is anything; or, in a
 * harness that looks at what was written, just what was sent.
 */
#ifndef VMB_OVERRIDE_STRING_H
#define VMB_OVERRIDE_STRING_H

#include "proof.h"

#ifdef PROOF_WITH_CONTENTS
#include <string.h>
#define vmb_memcpy(target, source, bytes)  memcpy(target, source, bytes)
#define vmb_memmove(target, source, bytes) memmove(target, source, bytes)
#define vmb_memcmp(left, right, bytes)     memcmp(left, right, bytes)
#define vmb_memset(target, value, bytes)   memset(target, value, bytes)
#else
#define vmb_memcpy(target, source, bytes)  proof_copy(target, source, bytes)
#define vmb_memmove(target, source, bytes) proof_copy(target, source, bytes)
#define vmb_memcmp(left, right, bytes)     proof_compare(left, right, bytes)
#define vmb_memset(target, value, bytes)   proof_scramble(target, bytes)
#endif

#endif /* VMB_OVERRIDE_STRING_H */
