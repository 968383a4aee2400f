/* SPDX-License-Identifier: MIT */
/*
 * A guest and a host in two processes that are pinned, moved, stopped, continued and killed at
 * random moments: nothing is lost while both live, and who survives goes on with the next peer.
 */
#include "processes.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND_NS 1000000000ull
#define LOST_NS   (10u * SECOND_NS) /* A channel on which nothing has come for so long hangs. */

struct run {
    struct proc_shared *shared;
    pid_t guest, host;
    uint64_t seed;
    uint64_t answered, interrupts, reconnects; /* Of lives that are over. */
    uint32_t guests_killed, hosts_killed, stops;
    uintptr_t last[PROC_CHANNELS];
    uint64_t moved_ns[PROC_CHANNELS];
};

static uint32_t draw(struct run *run, uint32_t limit)
{
    run->seed ^= run->seed << 13;
    run->seed ^= run->seed >> 7;
    run->seed ^= run->seed << 17;
    return (uint32_t)(run->seed >> 33) % limit;
}

static void *map_shared(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

static pid_t start(struct run *run, void (*process)(struct proc_shared *shared))
{
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        process(run->shared);
    }
    return pid;
}

/* Somebody has the clock begin anew for each channel. */
static void forgive(struct run *run)
{
    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        run->moved_ns[i] = proc_now_ns(NULL);
    }
}

static void begin(struct run *run, uint64_t seed)
{
    struct proc_shared *shared = map_shared(sizeof(*shared));

    memset(run, 0, sizeof(*run));
    run->seed = seed;
    run->shared = shared;
    shared->ram = map_shared((size_t)PROC_PAGES * VMB_PAGE_BYTES);
    for (uint32_t vp = 0; vp < PROC_VPS; vp++) {
        shared->guest_vp_event[vp] = eventfd(0, EFD_NONBLOCK);
    }
    shared->guest_control_event = eventfd(0, EFD_NONBLOCK);
    shared->host_event = eventfd(0, EFD_NONBLOCK);
    shared->host_run_event = eventfd(0, EFD_NONBLOCK);
    run->host = start(run, proc_host_main);
    run->guest = start(run, proc_guest_main);
    forgive(run);
}

static void kill_one(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* And not of a trap. */
}

/* The life of a guest is over: keep what it has seen. */
static void close_books(struct run *run)
{
    struct proc_life *life = &run->shared->life;

    assert_int_equal(vmb_atomic_load(&life->wrong, VMB_RELAXED), 0);
    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        run->answered += vmb_atomic_load(&life->answered[i], VMB_RELAXED);
        run->last[i] = 0;
    }
    run->interrupts += vmb_atomic_load(&life->interrupts, VMB_RELAXED);
    run->reconnects += vmb_atomic_load(&life->reconnects, VMB_RELAXED);
    memset(life, 0, sizeof(*life));
}

static void end(struct run *run)
{
    struct proc_shared *shared = run->shared;

    kill_one(run->guest);
    kill_one(run->host);
    close_books(run);
    assert_int_equal(vmb_atomic_load(&shared->host_failures, VMB_RELAXED), 0);
    for (uint32_t vp = 0; vp < PROC_VPS; vp++) {
        (void)close(shared->guest_vp_event[vp]);
    }
    (void)close(shared->guest_control_event);
    (void)close(shared->host_event);
    (void)close(shared->host_run_event);
    print_message("%llu round trips, %llu interrupts taken, %u guests and %u hosts killed, "
                  "%llu hosts left for dead, %u stops\n",
                  (unsigned long long)run->answered, (unsigned long long)run->interrupts,
                  run->guests_killed, run->hosts_killed, (unsigned long long)run->reconnects,
                  run->stops);
    (void)munmap(shared->ram, (size_t)PROC_PAGES * VMB_PAGE_BYTES);
    (void)munmap(shared, sizeof(*shared));
}

static void pause_ms(uint32_t milliseconds)
{
    (void)usleep(milliseconds * 1000u);
}

/* ---- What happens to them --------------------------------------------------------------------
 */

static void kill_guest(struct run *run)
{
    struct proc_shared *shared = run->shared;
    uint32_t wanted = vmb_atomic_load(&shared->reset_wanted, VMB_RELAXED) + 1u;
    uint64_t limit_ns = proc_now_ns(NULL) + LOST_NS;

    kill_one(run->guest);
    run->guests_killed++;
    close_books(run);
    vmb_atomic_store(&shared->reset_wanted, wanted, VMB_RELEASE);
    proc_wake(shared->host_event);
    while (vmb_atomic_load(&shared->reset_done, VMB_ACQUIRE) != wanted) {
        assert_true(proc_now_ns(NULL) < limit_ns); /* The host lets go of a guest that is dead. */
        pause_ms(1);
    }
    run->guest = start(run, proc_guest_main);
}

static void kill_host(struct run *run)
{
    kill_one(run->host);
    run->hosts_killed++;
    run->host = start(run, proc_host_main);
}

static void stop_and_go(struct run *run, pid_t pid)
{
    assert_int_equal(kill(pid, SIGSTOP), 0);
    pause_ms(1u + draw(run, 30));
    assert_int_equal(kill(pid, SIGCONT), 0);
    run->stops++;
}

/* Onto one CPU, where each preempts the other, or onto all. */
static void migrate(struct run *run, pid_t pid)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    for (long i = 0; i < count; i++) {
        CPU_SET((size_t)i, &cpus);
    }
    if (draw(run, 2) == 0) {
        CPU_ZERO(&cpus);
        CPU_SET(draw(run, (uint32_t)count), &cpus);
    }
    (void)sched_setaffinity(pid, sizeof(cpus), &cpus);
}

/* Every channel goes on. False: one hangs. */
static bool all_move(struct run *run)
{
    uint64_t now_ns = proc_now_ns(NULL);

    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        uintptr_t answered = vmb_atomic_load(&run->shared->life.answered[i], VMB_RELAXED);

        if (answered != run->last[i]) {
            run->last[i] = answered;
            run->moved_ns[i] = now_ns;
        } else if (now_ns - run->moved_ns[i] > LOST_NS) {
            print_error("channel %u: nothing since %lu answers\n", i, (unsigned long)answered);
            return false;
        }
    }
    return true;
}

static void trouble(struct run *run, bool kills)
{
    pid_t pid = draw(run, 2) == 0 ? run->guest : run->host;
    uint32_t what = draw(run, kills ? 12 : 10);

    if (what < 6) {
        stop_and_go(run, pid);
    } else if (what < 10) {
        migrate(run, pid);
    } else {
        forgive(run);
        if (what == 10) {
            kill_guest(run);
        } else if (run->hosts_killed < 60) { /* Each costs the guest pages for good. */
            kill_host(run);
        }
        forgive(run);
    }
}

static uint64_t seconds_wanted(uint64_t usual)
{
    const char *text = getenv("VMB_STRESS_SECONDS");

    return text != NULL ? strtoull(text, NULL, 10) : usual;
}

static void load(struct run *run, bool kills)
{
    uint64_t end_ns = proc_now_ns(NULL) + seconds_wanted(2) * SECOND_NS;

    while (proc_now_ns(NULL) < end_ns) {
        pause_ms(5u + draw(run, 60));
        trouble(run, kills);
        assert_true(all_move(run));
    }
}

/* Each channel has been answered since: after a kill the guest has found its peer again. */
static bool all_moved(struct run *run, const uintptr_t *since)
{
    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        if (run->last[i] == since[i]) {
            return false;
        }
    }
    return true;
}

/* In the end everything that was asked for is answered. */
static void settle(struct run *run)
{
    uintptr_t since[PROC_CHANNELS];
    uint64_t limit_ns;

    forgive(run);
    assert_true(all_move(run));
    memcpy(since, run->last, sizeof(since));
    while (!all_moved(run, since)) {
        assert_true(all_move(run));
        pause_ms(5);
    }
    limit_ns = proc_now_ns(NULL) + LOST_NS;
    vmb_atomic_store(&run->shared->stop, 1u, VMB_RELEASE);
    while (vmb_atomic_load(&run->shared->guest_done, VMB_ACQUIRE) == 0) {
        assert_true(proc_now_ns(NULL) < limit_ns);
        pause_ms(5);
    }
}

static void stopped_and_moved_nothing_is_lost(void **state)
{
    struct run run;

    (void)state;
    begin(&run, 0x9E3779B97F4A7C15u);
    load(&run, false);
    settle(&run);
    end(&run);
    assert_int_equal(run.reconnects, 0);
    assert_true(run.answered > 1000);
}

static void who_survives_goes_on_with_the_next(void **state)
{
    struct run run;

    (void)state;
    begin(&run, 0xD1B54A32D192ED03u);
    load(&run, true);
    kill_host(&run); /* At least one of each, whatever was drawn. */
    forgive(&run);
    settle(&run);
    end(&run);
    assert_true(run.answered > 1000);
}

static void a_host_outlives_its_guests(void **state)
{
    struct run run;

    (void)state;
    begin(&run, 0x94D049BB133111EBu);
    for (uint32_t i = 0; i < 3; i++) {
        pause_ms(50u + draw(&run, 100));
        kill_guest(&run);
    }
    forgive(&run);
    settle(&run);
    end(&run);
    assert_int_equal(run.guests_killed, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_and_moved_nothing_is_lost),
        cmocka_unit_test(who_survives_goes_on_with_the_next),
        cmocka_unit_test(a_host_outlives_its_guests),
    };

    return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
