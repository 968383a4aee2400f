/* SPDX-License-Identifier: MIT */
/* Copies as the proofs see them: both ends are checked, and what arrives is anything. */
#ifndef VMB_OVERRIDE_STRING_H
#define VMB_OVERRIDE_STRING_H

#include "proof.h"

#define vmb_memcpy(target, source, bytes)  proof_copy(target, source, bytes)
#define vmb_memmove(target, source, bytes) proof_copy(target, source, bytes)
#define vmb_memcmp(left, right, bytes)     proof_compare(left, right, bytes)
#define vmb_memset(target, value, bytes)   proof_scramble(target, bytes)

#endif /* VMB_OVERRIDE_STRING_H */
