/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_loop.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOOP_NS_PER_S 1000000000ull

bool vmm_loop_init(struct vmm_loop *loop, struct vmm_error *error)
{
    loop->batch_count = 0;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        return vmm_fail_errno(error, "cannot make an event loop");
    }
    return true;
}

void vmm_loop_deinit(struct vmm_loop *loop)
{
    if (loop->epoll >= 0) {
        close(loop->epoll);
    }
}

static bool loop_control(struct vmm_loop *loop, int operation, struct vmm_source *source,
                         uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    return epoll_ctl(loop->epoll, operation, source->fd, &event) == 0;
}

bool vmm_loop_add(struct vmm_loop *loop, struct vmm_source *source, uint32_t events)
{
    return loop_control(loop, EPOLL_CTL_ADD, source, events);
}

bool vmm_loop_rearm(struct vmm_loop *loop, struct vmm_source *source, uint32_t events)
{
    return loop_control(loop, EPOLL_CTL_MOD, source, events);
}

void vmm_loop_remove(struct vmm_loop *loop, struct vmm_source *source)
{
    int index;

    (void)loop_control(loop, EPOLL_CTL_DEL, source, 0);
    for (index = 0; index < loop->batch_count; index++) {
        if (loop->batch[index].data.ptr == source) {
            loop->batch[index].data.ptr = NULL;
        }
    }
}

void vmm_loop_wait(struct vmm_loop *loop, uint64_t deadline_ns)
{
    struct timespec timeout;
    struct timespec *wait = NULL;
    int index;

    if (deadline_ns != UINT64_MAX) {
        uint64_t now = vmm_now_ns();
        uint64_t left = deadline_ns > now ? deadline_ns - now : 0;

        timeout.tv_sec = (time_t)(left / LOOP_NS_PER_S);
        timeout.tv_nsec = (long)(left % LOOP_NS_PER_S);
        wait = &timeout;
    }
    loop->batch_count = epoll_pwait2(loop->epoll, loop->batch, VMM_LOOP_BATCH, wait, NULL);
    for (index = 0; index < loop->batch_count; index++) {
        struct vmm_source *source = loop->batch[index].data.ptr;

        if (source != NULL) { /* Not removed by one before it. */
            source->ready(source->context, loop->batch[index].events);
        }
    }
    loop->batch_count = 0;
}

uint64_t vmm_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * LOOP_NS_PER_S + (uint64_t)now.tv_nsec;
}

int vmm_event_open(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void vmm_event_signal(int fd)
{
    /* Fails only when the count is at its limit, and then the event is there already. */
    ssize_t written = write(fd, &(uint64_t){1}, sizeof(uint64_t));

    (void)written;
}

void vmm_event_take(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count)); /* Fails only if nothing is there. */

    (void)got;
}
