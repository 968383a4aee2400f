/* SPDX-License-Identifier: MIT */
/*
 * What must never happen, and the first time that it did.
 *
 * The watch looks at every message that passes and holds both sides to the life of a relid: offered
 * once, opened only while offered, released once, offered again only after that.
 */
#ifndef VMB_SIM_CHECKS_H
#define VMB_SIM_CHECKS_H

#include <vmbus/platform/compiler.h>
#include <vmbus/types.h>

#define VMB_SIM_VIOLATION_BYTES 160u

struct vmb_sim_checks {
    uint32_t count;
    char text[VMB_SIM_VIOLATION_BYTES]; /* The first one. */
    uint8_t relids[VMB_RELID_COUNT];    /* enum checks_relid. */
    bool leaving;                       /* The guest has said so, and the host has not yet heard. */
    uint32_t offers;
    uint32_t rescinds;
    uint32_t releases;
    uint32_t messages;
};

void vmb_sim_checks_init(struct vmb_sim_checks *checks);

/* Something happened that must not. */
void vmb_sim_violation(struct vmb_sim_checks *checks, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A message was accepted on its way; @version and @features are those in force for the host. */
void vmb_sim_checks_message(struct vmb_sim_checks *checks, bool to_guest, const void *bytes,
                            uint32_t byte_count, uint32_t version, uint32_t features);

#endif /* VMB_SIM_CHECKS_H */
