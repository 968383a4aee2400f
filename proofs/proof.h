/* SPDX-License-Identifier: MIT */
/*
 * What the proofs share: numbers that may be anything, memory whose ends are checked. The same
 * harness is read by CBMC, which follows every bit, and by Frama-C's EVA, which computes the values
 * that each variable can have; either must find no access, shift or conversion that is undefined.
 *
 * Memory that a peer can write yields anything at all whenever it is loaded, so that nothing may
 * rest on having looked at it before. So does what a copy brings, out of whatever memory.
 */
#ifndef VMB_PROOF_H
#define VMB_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __CPROVER__

uint64_t nondet_uint64_t(void);

#define proof_any()             nondet_uint64_t()
#define proof_assume(condition) __CPROVER_assume(condition)
#define proof_check(condition)  __CPROVER_assert(condition, #condition)
#define proof_reached(place)    __CPROVER_assert(false, "reached: " #place)
#define proof_make_any(object)  __CPROVER_havoc_object(object)

static inline void proof_readable(const void *source, size_t bytes)
{
    __CPROVER_assert(bytes == 0 || __CPROVER_r_ok(source, bytes), "a readable piece");
}

static inline void proof_writable(void *target, size_t bytes)
{
    __CPROVER_assert(bytes == 0 || __CPROVER_w_ok(target, bytes), "a writable piece");
}

/*
 * Where all that is ever copied into is a fresh local, which is anything as it is, or memory that
 * is only read by loads, which are anything, contents need not be followed.
 */
static inline void proof_scramble(void *target, size_t bytes)
{
    proof_writable(target, bytes);
#ifndef PROOF_WITHOUT_CONTENTS
    if (bytes != 0) {
        __CPROVER_havoc_slice(target, bytes);
    }
#endif
}

#else /* Frama-C */

/* The compilers check these; EVA's front end reads them nowhere but in functions. */
#define _Static_assert(condition, text) struct proof_of_compilers

extern volatile uint64_t proof_peer;

#define proof_any() (proof_peer)
#define proof_assume(condition)                                                                    \
    do {                                                                                           \
        while (!(condition)) {                                                                     \
        }                                                                                          \
    } while (0)
#define proof_check(condition) proof_holds((condition) ? 1 : 0)
#define proof_reached(place)                                                                       \
    do {                                                                                           \
        void Frama_C_show_each_reached_##place(int);                                               \
        Frama_C_show_each_reached_##place(1);                                                      \
    } while (0)

/*@ requires truth == 1;
    assigns \nothing;
*/
void proof_holds(int truth);

/*@ requires bytes == 0 || \valid_read((const uint8_t *)source + (0 .. bytes - 1));
    assigns \nothing;
*/
void proof_readable(const void *source, size_t bytes);

/*@ requires \initialized((const uint8_t *)source + (0 .. bytes - 1));
    assigns \nothing;
*/
void proof_filled(const void *source, size_t bytes);

/*@ requires bytes == 0 || \valid((uint8_t *)target + (0 .. bytes - 1));
    assigns \nothing;
*/
void proof_writable(void *target, size_t bytes);

/*@ requires bytes == 0 || \valid((uint8_t *)target + (0 .. bytes - 1));
    assigns ((uint8_t *)target)[0 .. bytes - 1] \from proof_peer;
    ensures bytes == 0 || \initialized((uint8_t *)target + (0 .. bytes - 1));
*/
void proof_scramble(void *target, size_t bytes);

#endif

/* The value was loaded, so that its place was checked; by now it may be another one. */
static inline uint64_t proof_loaded(uint64_t value)
{
    (void)value;
    return proof_any();
}

static inline void proof_copy(void *target, const void *source, size_t bytes)
{
    proof_readable(source, bytes);
    proof_scramble(target, bytes);
}

static inline int proof_compare(const void *left, const void *right, size_t bytes)
{
    proof_readable(left, bytes);
    proof_readable(right, bytes);
    return proof_any() != 0;
}

/* Some number below @limit. */
static inline uint32_t proof_below(uint32_t limit)
{
    uint32_t value = (uint32_t)proof_any();

    return value < limit ? value : 0;
}

#endif /* VMB_PROOF_H */
