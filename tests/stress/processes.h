/* SPDX-License-Identifier: MIT */
/*
 * A guest and a host in two processes: what they share is mapped before the fork, at one address,
 * and they wake each other by eventfds. The host's process is the hypervisor too: it has the SynIC,
 * whose pages lie in the shared memory. Either process may be stopped or killed at any moment.
 */
#ifndef STRESS_PROCESSES_H
#define STRESS_PROCESSES_H

#include <vmbus/platform/atomic.h>
#include <vmbus/types.h>

enum {
    PROC_VPS = 2,
    PROC_CHANNELS = 3,
    PROC_PAGES = 4096, /* Of the guest; the first of a VP's two are its SynIC's. */
    PROC_FIRST_GPN = 0x100,
    PROC_FIRST_FREE = 2 * PROC_VPS,
    PROC_MAILS = 64,
    PROC_SIGNAL_WORDS = 64,
    PROC_VECTOR = 0x41
};

/* A hypercall that is on its way. */
struct proc_mail {
    uint32_t end_of_message_vp; /* VMB_VP_NONE: a message. */
    uint32_t connection_id;
    uint32_t byte_count;
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
};

/* Written by the guest's process of this life; the parent adds lives up. */
struct proc_life {
    vmb_atomic_word answered[PROC_CHANNELS];
    vmb_atomic_word interrupts;
    vmb_atomic_word wrong;      /* Corrupt, or out of order. */
    vmb_atomic_word reconnects; /* The host was gone. */
};

struct proc_shared {
    uint8_t *ram; /* PROC_PAGES pages. */
    int guest_vp_event[PROC_VPS];
    int guest_control_event;
    int host_event;
    int host_run_event;
    vmb_atomic_u32 mail_head; /* The host's. */
    vmb_atomic_u32 mail_tail; /* The guest's. */
    struct proc_mail mails[PROC_MAILS];
    vmb_atomic_u32 signals[PROC_SIGNAL_WORDS]; /* A bit a relid. */
    vmb_atomic_u32 reset_wanted;               /* The parent's: the guest is dead. */
    vmb_atomic_u32 reset_done;                 /* The host's: nothing of it is left. */
    vmb_atomic_u32 stop;                       /* The parent's: come to an end. */
    vmb_atomic_u32 guest_done;                 /* Everything that was expected has come. */
    vmb_atomic_u32 host_failures;              /* Calls that must not fail. */
    struct proc_life life;
};

/* A process: neither returns. */
_Noreturn void proc_guest_main(struct proc_shared *shared);
_Noreturn void proc_host_main(struct proc_shared *shared);

void proc_wake(int event);
/* True if it was woken. */
bool proc_wait(int event, int timeout_ms);
uint64_t proc_now_ns(void *unused);
uint8_t *proc_page(const struct proc_shared *shared, vmb_gpn gpn);

#endif /* STRESS_PROCESSES_H */
