/* SPDX-License-Identifier: MIT */
/* The one event loop: descriptors and what to call when they are ready. One thread. */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include "ports/kvm/vmm_error.h"

#include <stdint.h>
#include <sys/epoll.h>

#define VMM_LOOP_BATCH 64

/* Embed it; it stays where it is while it is in a loop. */
struct vmm_source {
    int fd;
    void (*ready)(void *context, uint32_t events); /* EPOLL bits. May remove any source. */
    void *context;
};

struct vmm_loop {
    int epoll;
    struct epoll_event batch[VMM_LOOP_BATCH];
    int batch_count; /* Of the batch that is being worked off. */
};

bool vmm_loop_init(struct vmm_loop *loop, struct vmm_error *error);
void vmm_loop_deinit(struct vmm_loop *loop);

/* @events: EPOLLIN and so on; with EPOLLONESHOT, vmm_loop_rearm() after each event. */
bool vmm_loop_add(struct vmm_loop *loop, struct vmm_source *source, uint32_t events);
bool vmm_loop_rearm(struct vmm_loop *loop, struct vmm_source *source, uint32_t events);
void vmm_loop_remove(struct vmm_loop *loop, struct vmm_source *source);

/* Wait until something is ready or vmm_now_ns() is @deadline_ns, then work one batch off. */
void vmm_loop_wait(struct vmm_loop *loop, uint64_t deadline_ns);

/* CLOCK_MONOTONIC. Any thread. */
uint64_t vmm_now_ns(void);

/* Eventfds that do not block: add 1, take what is there. Any thread. */
int vmm_event_open(void);
void vmm_event_signal(int fd);
void vmm_event_take(int fd);

#endif /* VMM_LOOP_H */
