/* SPDX-License-Identifier: MIT */
/* Random numbers that a seed repeats. Each actor has its own, so that threads need no lock. */
#ifndef VMB_SIM_RANDOM_H
#define VMB_SIM_RANDOM_H

#include <vmbus/types.h>

struct vmb_sim_random {
    uint64_t state;
};

/* Different streams of one seed do not resemble each other. */
VMB_INLINE struct vmb_sim_random vmb_sim_random_of(uint64_t seed, uint64_t stream)
{
    struct vmb_sim_random random = {seed + (stream + 1) * 0xD1342543DE82EF95u};

    return random;
}

/* A Weyl sequence, mixed (splitmix64): short, no bad seeds, good enough for choosing. */
VMB_INLINE uint64_t vmb_sim_random_next(struct vmb_sim_random *random)
{
    uint64_t mixed = random->state += 0x9E3779B97F4A7C15u;

    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
}

/* A number below @limit, which is not 0. */
VMB_INLINE uint32_t vmb_sim_random_below(struct vmb_sim_random *random, uint32_t limit)
{
    return (uint32_t)((vmb_sim_random_next(random) >> 32) * limit >> 32);
}

/* True so many times in a thousand. */
VMB_INLINE bool vmb_sim_random_chance(struct vmb_sim_random *random, uint32_t per_mille)
{
    return per_mille != 0 && vmb_sim_random_below(random, 1000) < per_mille;
}

#endif /* VMB_SIM_RANDOM_H */
