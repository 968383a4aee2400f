/* SPDX-License-Identifier: MIT */
/* See vmb_sim_threads.h. */
#include "sim/vmb_sim_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_LOOK_NS 200000u

struct threads_call {
    struct threads_call *next;
    void (*function)(void *context);
    void *context;
    bool done;
};

struct threads_actor {
    struct vmb_sim_threads *threads;
    struct vmb_sim_actor *actor;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* Woken, told to stop, or a call came or was done. */
    struct threads_call *calls;
};

struct vmb_sim_threads {
    uint64_t spin_ns;
    vmb_atomic_u32 stopping;
    uint32_t actor_count;
    struct threads_actor *actors;
};

uint64_t vmb_sim_threads_now_ns(void *unused)
{
    struct timespec now;

    (void)unused;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void threads_sleep(uint64_t duration_ns)
{
    const struct timespec duration = {
        .tv_sec = (time_t)(duration_ns / 1000000000u),
        .tv_nsec = (long)(duration_ns % 1000000000u),
    };

    (void)nanosleep(&duration, NULL);
}

/* An actor that sleeps is woken; for one that does not, its next look at `woken` is enough. */
static void threads_notify(void *runner, struct vmb_sim_actor *actor)
{
    struct threads_actor *self = actor->runner_actor;

    (void)runner;
    (void)pthread_mutex_lock(&self->lock);
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

static bool threads_called(const struct threads_actor *self)
{
    /* Acquire: pairs with wake's exchange; stopping is read with it. */
    return vmb_atomic_load(&self->actor->woken, VMB_ACQUIRE) != 0 ||
           vmb_atomic_load(&self->threads->stopping, VMB_ACQUIRE) != 0;
}

/* Nothing to do: look for a while, then sleep until woken or until the deadline. */
static void threads_idle(struct threads_actor *self)
{
    uint64_t deadline_ns = self->actor->next_deadline_ns != NULL
                               ? self->actor->next_deadline_ns(self->actor->context)
                               : VMB_NEVER;
    uint64_t spin_end_ns =
        self->threads->spin_ns != 0 ? vmb_sim_threads_now_ns(NULL) + self->threads->spin_ns : 0;

    while (spin_end_ns != 0 && !threads_called(self)) {
        uint64_t now_ns = vmb_sim_threads_now_ns(NULL);

        if (now_ns >= spin_end_ns || now_ns >= deadline_ns) {
            break;
        }
        (void)sched_yield();
    }
    (void)pthread_mutex_lock(&self->lock);
    while (!threads_called(self)) {
        if (deadline_ns == VMB_NEVER) {
            (void)pthread_cond_wait(&self->changed, &self->lock);
        } else {
            struct timespec until = {
                .tv_sec = (time_t)(deadline_ns / 1000000000u),
                .tv_nsec = (long)(deadline_ns % 1000000000u),
            };

            if (vmb_sim_threads_now_ns(NULL) >= deadline_ns) {
                break;
            }
            (void)pthread_cond_timedwait(&self->changed, &self->lock, &until);
        }
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void threads_do_calls(struct threads_actor *self)
{
    (void)pthread_mutex_lock(&self->lock);
    while (self->calls != NULL) {
        struct threads_call *call = self->calls;

        self->calls = call->next;
        (void)pthread_mutex_unlock(&self->lock);
        call->function(call->context);
        (void)pthread_mutex_lock(&self->lock);
        call->done = true;
        (void)pthread_cond_broadcast(&self->changed);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void *threads_main(void *context)
{
    struct threads_actor *self = context;
    struct vmb_sim_actor *actor = self->actor;

    while (vmb_atomic_load(&self->threads->stopping, VMB_ACQUIRE) == 0) {
        /* Acquire: pairs with the release in vmb_sim_wake(). Cleared before the work is looked at.
         */
        bool woken = vmb_atomic_exchange(&actor->woken, 0u, VMB_SEQ_CST) != 0;
        bool more;

        if (woken) {
            threads_do_calls(self);
        }
        more = actor->step(actor->context);
        if (woken || more) {
            (void)vmb_atomic_fetch_add(&actor->steps, (uintptr_t)1, VMB_RELAXED);
        }
        if (!more) {
            threads_idle(self);
        }
    }
    threads_do_calls(self);
    return NULL;
}

static void threads_adopt(struct vmb_sim_threads *threads, struct threads_actor *self,
                          struct vmb_sim_actor *actor)
{
    pthread_condattr_t attributes;

    self->threads = threads;
    self->actor = actor;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    actor->runner = threads;
    actor->runner_actor = self;
    actor->notify = threads_notify;
}

struct vmb_sim_threads *vmb_sim_threads_start(struct vmb_sim_actor *const *actors,
                                              uint32_t actor_count, uint64_t spin_ns)
{
    struct vmb_sim_threads *threads = calloc(1, sizeof(*threads));

    if (threads == NULL) {
        return NULL;
    }
    threads->spin_ns = spin_ns;
    threads->actors = calloc(actor_count, sizeof(*threads->actors));
    if (threads->actors == NULL) {
        free(threads);
        return NULL;
    }
    threads->actor_count = actor_count;
    /* All of them first: an actor that runs may wake any other. */
    for (uint32_t i = 0; i < actor_count; i++) {
        threads_adopt(threads, &threads->actors[i], actors[i]);
    }
    for (uint32_t i = 0; i < actor_count; i++) {
        struct threads_actor *self = &threads->actors[i];

        self->started = pthread_create(&self->thread, NULL, threads_main, self) == 0;
        if (!self->started) {
            vmb_sim_threads_stop(threads);
            return NULL;
        }
    }
    return threads;
}

void vmb_sim_threads_stop(struct vmb_sim_threads *threads)
{
    vmb_atomic_store(&threads->stopping, 1u, VMB_RELEASE);
    for (uint32_t i = 0; i < threads->actor_count; i++) {
        threads_notify(threads, threads->actors[i].actor);
    }
    for (uint32_t i = 0; i < threads->actor_count; i++) {
        if (threads->actors[i].started) {
            (void)pthread_join(threads->actors[i].thread, NULL);
        }
    }
    for (uint32_t i = 0; i < threads->actor_count; i++) {
        threads->actors[i].actor->notify = NULL;
        (void)pthread_cond_destroy(&threads->actors[i].changed);
        (void)pthread_mutex_destroy(&threads->actors[i].lock);
    }
    free(threads->actors);
    free(threads);
}

void vmb_sim_threads_call(struct vmb_sim_threads *threads, struct vmb_sim_actor *actor,
                          void (*function)(void *context), void *context)
{
    struct threads_actor *self = actor->runner_actor;
    struct threads_call call = {.function = function, .context = context};
    struct threads_call **last;

    (void)threads;
    (void)pthread_mutex_lock(&self->lock);
    for (last = &self->calls; *last != NULL; last = &(*last)->next) {
    }
    *last = &call;
    (void)pthread_mutex_unlock(&self->lock);
    vmb_sim_wake(actor);
    (void)pthread_mutex_lock(&self->lock);
    while (!call.done) {
        (void)pthread_cond_wait(&self->changed, &self->lock);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

/* How much all actors have done. */
static uintptr_t threads_progress(const struct vmb_sim_threads *threads)
{
    uintptr_t sum = 0;

    for (uint32_t i = 0; i < threads->actor_count; i++) {
        sum += vmb_atomic_load(&threads->actors[i].actor->steps, VMB_RELAXED);
    }
    return sum;
}

bool vmb_sim_threads_wait(struct vmb_sim_threads *threads, bool (*condition)(void *context),
                          void *context, uint64_t stall_ns, uint64_t timeout_ns)
{
    uint64_t begin_ns = vmb_sim_threads_now_ns(NULL);
    uint64_t moved_ns = begin_ns;
    uintptr_t progress = threads_progress(threads);

    while (!condition(context)) {
        uint64_t now_ns = vmb_sim_threads_now_ns(NULL);
        uintptr_t progress_now = threads_progress(threads);

        if (progress_now != progress) {
            progress = progress_now;
            moved_ns = now_ns;
        }
        if (now_ns - moved_ns >= stall_ns || now_ns - begin_ns >= timeout_ns) {
            return condition(context);
        }
        threads_sleep(WAIT_LOOK_NS);
    }
    return true;
}
