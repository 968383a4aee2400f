/* SPDX-License-Identifier: MIT */
/*
 * What a storage controller is made of.
 *
 * Who touches what: a channel and its requests belong to the channel's runner, and once its gate is
 * closed (hooks.close) to the control plane. Jobs at a back end come home over the channel's stack
 * `completed`, which any thread pushes to. What channels share is atomic.
 */
#ifndef VMB_STOR_HOST_STATE_H
#define VMB_STOR_HOST_STATE_H

#include <vmbus/drivers/stor_host.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/proto/stor.h>

#include "drivers/stor/vmb_scsi.h"

#define VMBI_STOR_UNIT_PRESENT 0x80000000u /* In users, above the number of requests. */

/* Pending unit attentions, most important first. */
#define VMBI_STOR_ATTENTION_POWER_ON     0x1u
#define VMBI_STOR_ATTENTION_BUS_RESET    0x2u
#define VMBI_STOR_ATTENTION_DEVICE_RESET 0x4u
#define VMBI_STOR_ATTENTION_LUNS         0x8u

/* How far the guest has got on the primary channel. */
enum vmbi_stor_state {
    VMBI_STOR_CLOSED = 0,
    VMBI_STOR_OPEN,
    VMBI_STOR_BEGUN,
    VMBI_STOR_VERSION_AGREED,
    VMBI_STOR_PROPERTIES_TOLD,
    VMBI_STOR_READY
};

/* Members of struct vmb_stor_host_counters, in its order. */
enum vmbi_stor_counter {
    VMBI_STOR_REQUESTS,
    VMBI_STOR_READS,
    VMBI_STOR_WRITES,
    VMBI_STOR_FLUSHES,
    VMBI_STOR_DISCARDS,
    VMBI_STOR_BYTES_READ,
    VMBI_STOR_BYTES_WRITTEN,
    VMBI_STOR_CONDITIONS,
    VMBI_STOR_RESETS,
    VMBI_STOR_RING_FULL,
    VMBI_STOR_MALFORMED,
    VMBI_STOR_REFUSED,
    VMBI_STOR_OUT_OF_ORDER,
    VMBI_STOR_OFFERS_FAILED
};

/* A place for a disk. It stays; disks come and go. */
struct vmbi_stor_unit {
    vmb_atomic_u32 users;
    vmb_atomic_u32 attention;
    vmb_atomic_u32 stopped;
    bool removing;              /* Control plane: vmb_stor_host_remove() has said BUSY. */
    struct vmbi_scsi_disk disk; /* Constant while present or in use. */
};

/* What a request does after the job that it is at. */
enum vmbi_stor_plan {
    VMBI_STOR_ONE_JOB = 0,
    VMBI_STOR_UNMAPS, /* A discard for each range. */
    VMBI_STOR_REPEATS /* A write for as many blocks as segments suffice for. */
};

struct vmbi_stor_channel;

/* A packet of the guest, from the ring to its answer. */
struct vmbi_stor_request {
    struct vmb_stor_io io; /* First: a job is its request. */
    struct vmbi_stor_request *next;
    struct vmbi_stor_channel *channel;
    struct vmbi_stor_unit *unit; /* Held, or NULL. */
    enum vmb_stor_result result; /* Of the job, once it has completed. */
    uint64_t transaction_id;
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    uint32_t packet_bytes; /* Of the answer: the guest's size. */
    uint32_t operation;    /* VMB_STOR_ operation of the packet. */
    uint32_t epoch;        /* In which it is counted as in flight. */
    bool reset_begun;
    struct vmb_stor_srb srb;
    uint32_t moved_bytes; /* To be told if it succeeds. */
    bool stops;           /* The unit, when the job is done. */
    enum vmbi_stor_plan plan;
    uint32_t range_index;
    uint32_t range_count;
    struct vmbi_scsi_range ranges[VMBI_SCSI_UNMAP_DESCRIPTORS];
    uint64_t blocks_left;
    struct vmb_stor_segment block[2]; /* The one that is repeated. */
    uint32_t block_segments;
    uint32_t segment_count;            /* The guest's data. */
    struct vmb_stor_segment *segments; /* The channel's segment_limit of them. */
};

/* Requests, first in first out. */
struct vmbi_stor_queue {
    struct vmbi_stor_request *first;
    struct vmbi_stor_request *last;
};

struct vmbi_stor_channel {
    struct vmb_stor_host *host;
    uint32_t index;
    struct vmb_endpoint *endpoint; /* NULL: not open, or broken. */
    struct vmbi_stor_request *free;
    struct vmbi_stor_queue answers; /* Done, not sent yet. */
    struct vmbi_stor_queue resets;  /* Wait until nothing older is in flight. */
    uint32_t jobs;                  /* At back ends. */
    uint64_t touched;               /* Units that jobs went to in this run; held. */
    uint8_t *header;                /* Copy of a packet's ranges. */
    vmb_atomic_ptr completed;       /* Stack of requests. */
    vmb_atomic_ptr bus_channel;     /* NULL: never opened over a bus. */
    vmb_atomic_u32 closing;         /* Completions are for the control plane. */
    vmb_atomic_word counters[VMB_STOR_HOST_COUNTER_COUNT];
    /* Control plane. */
    bool wanted;                  /* Sub-channel: the guest has asked for it. */
    bool offered;                 /* Sub-channel: it is on the bus. */
    bool revoking;                /* And is being taken off. */
    bool close_waits;             /* hooks.close has put the close off. */
    struct vmb_host_channel *own; /* Sub-channel: as offered. */
};

struct vmb_stor_host {
    struct vmb_stor_host_options options;
    uint32_t channel_count;
    uint32_t segment_limit;
    uint32_t header_bytes;
    vmb_atomic_u32 state;
    vmb_atomic_u32 version;
    vmb_atomic_u32 sub_channels_asked; /* By the guest, until they are offered; ~0: none. */
    vmb_atomic_u32 enumerate;          /* The guest is to be told that LUNs have changed. */
    vmb_atomic_u32 epoch;              /* Its lowest bit says which number counts. */
    vmb_atomic_u32 in_flight[2];
    vmb_atomic_ptr resetter; /* The channel whose reset is under way. */
    struct vmbi_stor_unit units[VMB_STOR_LUN_COUNT];
    struct vmbi_stor_channel channels[]; /* channel_count. */
};

VMB_INLINE void vmbi_stor_count(struct vmbi_stor_channel *channel, enum vmbi_stor_counter which,
                                uint64_t amount)
{
    uintptr_t before = vmb_atomic_load(&channel->counters[which], VMB_RELAXED);

    vmb_atomic_store(&channel->counters[which], before + (uintptr_t)amount, VMB_RELAXED);
}

VMB_INLINE bool vmbi_stor_is_ready(const struct vmb_stor_host *host)
{
    /* Pairs with the release when END_INIT is taken: the version is known. */
    return vmb_atomic_load(&host->state, VMB_ACQUIRE) == VMBI_STOR_READY;
}

void vmbi_stor_queue_push(struct vmbi_stor_queue *queue, struct vmbi_stor_request *request);
struct vmbi_stor_request *vmbi_stor_queue_pop(struct vmbi_stor_queue *queue);

/* Have a channel's on_event called. Any thread. */
void vmbi_stor_wake(struct vmbi_stor_channel *channel);
void vmbi_stor_wake_all(struct vmb_stor_host *host);

/* ---- Channel (runner) ------------------------------------------------------------------------ */

void vmbi_stor_channel_opened(void *device, struct vmb_endpoint *endpoint);
void vmbi_stor_channel_on_event(void *device);
void vmbi_stor_channel_closed(void *device, vmb_status reason);

/* The packet of @request is its answer: send it when there is space. */
void vmbi_stor_channel_answer(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request);

/* It gets no answer. */
void vmbi_stor_channel_forget(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request);

/* Take home what has completed. With @abandon, begin no further jobs. */
void vmbi_stor_channel_drain(struct vmbi_stor_channel *channel, bool abandon);

/* Forget all requests; no job is at a back end. */
void vmbi_stor_channel_clear(struct vmbi_stor_channel *channel);

/* ---- On a bus (control plane) ---------------------------------------------------------------- */

/* So many sub-channels are to be there: offer them, or take them back. */
void vmbi_stor_bus_want(struct vmb_stor_host *host, uint32_t count);

/* For hooks.save and hooks.restore. */
vmb_status vmbi_stor_channel_save(void *device, struct vmb_host_channel *bus_channel, bool open,
                                  void *buffer, size_t buffer_bytes, size_t *out_bytes);
vmb_status vmbi_stor_channel_restore(void *device, struct vmb_host_channel *bus_channel,
                                     struct vmb_endpoint *endpoint, const void *bytes,
                                     size_t byte_count);

/* ---- Packets other than SCSI requests (runner) ----------------------------------------------- */

void vmbi_stor_packet(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                      const struct vmb_packet *packet);

/* Answer without doing anything. */
void vmbi_stor_refuse(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                      uint32_t status);

/* ---- Resets and what they wait for ----------------------------------------------------------- */

/* Count a request as in flight, and no more. Runner. */
void vmbi_stor_flight_begin(struct vmb_stor_host *host, struct vmbi_stor_request *request);
void vmbi_stor_flight_end(struct vmb_stor_host *host, struct vmbi_stor_request *request);

/* Move the channel's resets on as far as it goes. Runner. */
void vmbi_stor_reset_step(struct vmbi_stor_channel *channel);

/* The channel is going: others may have their turn. */
void vmbi_stor_reset_abandon(struct vmbi_stor_channel *channel);

/* ---- Units (any runner) ---------------------------------------------------------------------- */

/* Hold the disk of a LUN, or NULL. */
struct vmbi_stor_unit *vmbi_stor_unit_hold(struct vmb_stor_host *host,
                                           const struct vmb_stor_srb *srb);
void vmbi_stor_unit_hold_again(struct vmbi_stor_unit *unit); /* Which is held. */
void vmbi_stor_unit_release(struct vmbi_stor_unit *unit);

/* LUNs with disks, as bits. */
uint64_t vmbi_stor_units_present(const struct vmb_stor_host *host);

void vmbi_stor_unit_attend(struct vmbi_stor_unit *unit, uint32_t attention);

/* Take one pending unit attention, if there is any. */
bool vmbi_stor_unit_attention(struct vmbi_stor_unit *unit, struct vmbi_sense *out_sense);

/* ---- SCSI requests (runner) ------------------------------------------------------------------ */

void vmbi_stor_srb_begin(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                         const struct vmb_packet *packet);

/* A job has ended. With @abandon, no further one is begun. */
void vmbi_stor_srb_continue(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                            bool abandon);

/* The guest's data as segments. False: refused; why has been counted. */
bool vmbi_stor_data_map(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                        const struct vmb_packet *packet, uint32_t *out_bytes);

/* Make the data as short as @bytes. */
void vmbi_stor_data_trim(struct vmbi_stor_request *request, uint32_t bytes);

/* Copy bytes into, or out of, the guest's data. They are there. */
void vmbi_stor_data_store(const struct vmbi_stor_request *request, const uint8_t *bytes,
                          uint32_t byte_count);
void vmbi_stor_data_load(const struct vmbi_stor_request *request, uint8_t *bytes,
                         uint32_t byte_count);

/* Whether the guest's data are all zeros, at the moment. */
bool vmbi_stor_data_is_zero(const struct vmbi_stor_request *request);

#endif /* VMB_STOR_HOST_STATE_H */
