/* SPDX-License-Identifier: MIT */
/*
 * A play: one run of the whole bus in virtual time, all of it from one seed.
 *
 * The seed chooses the machine, the devices, the protocol version, the faults and what a script
 * does to the bus while traffic flows: open, close, move, revoke, offer, sub-channels, VPs that go
 * and come, sleep, unload, device buffers, a host that is slow or dead for a while. Then faults
 * end, and everything must get on within a bounded virtual time; then the guest leaves the bus and
 * nothing may be left.
 */
#ifndef VMB_SIM_PLAY_H
#define VMB_SIM_PLAY_H

#include <stdio.h>

#include "sim/vmb_sim_checks.h"

/* X(name, bit, "name on the command line", "what it is") */
#define VMB_SIM_PLAY_FAULT_MAP(X)                                                                  \
    X(PREEMPT, 0, "preempt", "others act in the middle of a call")                                 \
    X(LATE, 1, "late", "long delays: interrupts, threads, hosts overtake each other")              \
    X(STALL, 2, "stall", "a VP or a thread does nothing for a while")                              \
    X(SPURIOUS, 3, "spurious", "interrupts for nothing")                                           \
    X(SIGNALS, 4, "signals", "signals arrive late and out of order")                               \
    X(POSTS, 5, "posts", "HvPostMessage fails, try again")                                         \
    X(FATAL, 6, "fatal", "HvPostMessage fails for good")                                           \
    X(SLOTS, 7, "slots", "message slots are full, or hold somebody else's message")                \
    X(SHARES, 8, "shares", "the guest has no pages, once, now and then, or for good")              \
    X(MAPS, 9, "maps", "the host cannot map pages or connect a doorbell")                          \
    X(DEAD_HOST, 10, "dead-host", "the host answers nothing for longer than a time-out")           \
    X(RESCIND, 11, "rescind", "devices are revoked and offered again")                             \
    X(VPS, 12, "vps", "VPs go offline and come back")                                              \
    X(SLEEP, 13, "sleep", "the guest suspends and resumes")                                        \
    X(UNLOAD, 14, "unload", "the guest leaves the bus and comes back; the host is reset")          \
    X(RESTORE, 15, "restore", "the host is saved and restored under way")

enum vmb_sim_play_fault {
#define VMB_SIM_PLAY_FAULT_ENUM(name, bit, text, what) VMB_SIM_PLAY_##name = 1u << (bit),
    VMB_SIM_PLAY_FAULT_MAP(VMB_SIM_PLAY_FAULT_ENUM)
#undef VMB_SIM_PLAY_FAULT_ENUM
    VMB_SIM_PLAY_ALL = 0xFFFF
};

/* X(name, "name on the command line", "what is broken on purpose") */
#define VMB_SIM_PLAY_BREAK_MAP(X)                                                                  \
    X(NOTHING, "nothing", "nothing is broken")                                                     \
    X(PERCPU_LISTS, "percpu-lists", "a VP drops events of channels that do not target it")         \
    X(LOSE_INTERRUPT, "lose-interrupt", "one interrupt in a thousand is never raised")             \
    X(LOSE_DOORBELL, "lose-doorbell", "one doorbell in a thousand never rings")                    \
    X(LOSE_MESSAGE, "lose-message", "one message of the host in a hundred is lost")                \
    X(LATE_WRITE, "late-write", "the host writes to pages that it has let go of")                  \
    X(FLIP_BIT, "flip-bit", "a bit in a ring flips now and then")                                  \
    X(RELEASE_TWICE, "release-twice", "RelIdReleased reaches the host twice")                      \
    X(KEEP_MAPPING, "keep-mapping", "the host forgets to unmap now and then")

enum vmb_sim_play_break {
#define VMB_SIM_PLAY_BREAK_ENUM(name, text, what) VMB_SIM_PLAY_BREAK_##name,
    VMB_SIM_PLAY_BREAK_MAP(VMB_SIM_PLAY_BREAK_ENUM)
#undef VMB_SIM_PLAY_BREAK_ENUM
    VMB_SIM_PLAY_BREAK_COUNT
};

/* X(name, "name"): one thing that is done to a quiet bus; see vmb_sim_play_steps.c. */
#define VMB_SIM_PLAY_SCENARIO_MAP(X)                                                               \
    X(ANYTHING, "anything")                                                                        \
    X(RETARGET, "retarget")                                                                        \
    X(OFFLINE, "offline")                                                                          \
    X(RESCINDED, "rescind")                                                                        \
    X(SUBCHANNELS, "subchannels")                                                                  \
    X(REOPEN, "reopen")                                                                            \
    X(GPADL_LIFE, "gpadl")                                                                         \
    X(SUSPEND, "suspend")                                                                          \
    X(UNLOADED, "unload")                                                                          \
    X(RESTORED, "restore")                                                                         \
    X(SOCKET, "socket")                                                                            \
    X(MONITORS, "monitors")

enum vmb_sim_play_scenario {
#define VMB_SIM_PLAY_SCENARIO_ENUM(name, text) VMB_SIM_PLAY_##name,
    VMB_SIM_PLAY_SCENARIO_MAP(VMB_SIM_PLAY_SCENARIO_ENUM)
#undef VMB_SIM_PLAY_SCENARIO_ENUM
    VMB_SIM_PLAY_SCENARIO_COUNT
};

/* What befalls a step. */
enum vmb_sim_play_step_fault {
    VMB_SIM_PLAY_STEP_RETRY,     /* It fails: try again; what is no message has no memory. */
    VMB_SIM_PLAY_STEP_FATAL,     /* A message of the guest's fails for good. */
    VMB_SIM_PLAY_STEP_RESCIND,   /* A device is revoked just then. */
    VMB_SIM_PLAY_STEP_DEAD_HOST, /* The host answers nothing for longer than anybody waits. */
    VMB_SIM_PLAY_STEP_RESTORE,   /* The host is replaced by one made from what it saves. */
    VMB_SIM_PLAY_STEP_FAULT_COUNT
};

struct vmb_sim_play_options {
    enum vmb_sim_play_scenario scenario;
    enum vmb_sim_play_step_fault step_fault;
    uint32_t fault_at; /* Of a scenario: the step, from 1 on; 0: none. */
    uint64_t seed;
    uint32_t version; /* The host's newest; 0: the seed chooses. */
    uint32_t faults;  /* Which the seed may choose from, VMB_SIM_PLAY_ bits. */
    enum vmb_sim_play_break broken;
    FILE *trace; /* NULL: none. */
};

/* X(member): what a play has counted. Adds up over plays. */
#define VMB_SIM_PLAY_COUNT_MAP(X)                                                                  \
    X(acts)                                                                                        \
    X(preemptions)                                                                                 \
    X(virtual_us)                                                                                  \
    X(messages)                                                                                    \
    X(interrupts)                                                                                  \
    X(events)                                                                                      \
    X(strays)                                                                                      \
    X(packets)                                                                                     \
    X(connects)                                                                                    \
    X(opens)                                                                                       \
    X(closes)                                                                                      \
    X(retargets)                                                                                   \
    X(rescinds)                                                                                    \
    X(releases)                                                                                    \
    X(subchannels)                                                                                 \
    X(offlines)                                                                                    \
    X(resumes)                                                                                     \
    X(unloads)                                                                                     \
    X(restores)                                                                                    \
    X(gpadls)                                                                                      \
    X(sockets)                                                                                     \
    X(pauses)                                                                                      \
    X(failed_requests)                                                                             \
    X(refused_shares)                                                                              \
    X(refused_maps)                                                                                \
    X(failed_posts)                                                                                \
    X(dead_hosts)                                                                                  \
    X(timeouts)                                                                                    \
    X(post_retries)                                                                                \
    X(leaked_pages)

struct vmb_sim_play_counts {
#define VMB_SIM_PLAY_COUNT_MEMBER(member) uint64_t member;
    VMB_SIM_PLAY_COUNT_MAP(VMB_SIM_PLAY_COUNT_MEMBER)
#undef VMB_SIM_PLAY_COUNT_MEMBER
};

struct vmb_sim_play_result {
    bool good;
    char violation[VMB_SIM_VIOLATION_BYTES]; /* If not: the first one. */
    uint32_t version;                        /* Agreed upon at the end, VMB_VERSION_*. */
    uint32_t faults;                         /* Those that the seed chose. */
    uint64_t digest;                         /* Of everything that happened. */
    uint32_t steps;                          /* That a scenario had. */
    struct vmb_sim_play_counts counts;
};

/* Run one. Takes a few milliseconds and no memory beyond. False: the system has no memory. */
bool vmb_sim_play_run(const struct vmb_sim_play_options *options,
                      struct vmb_sim_play_result *out_result);

#endif /* VMB_SIM_PLAY_H */
