/* SPDX-License-Identifier: MIT */
/*
 * A storage controller over a pair of rings, and a guest made by hand at the other end: it sends
 * the packets that a test writes, and looks at the answers byte by byte.
 */
#ifndef STOR_KIT_H
#define STOR_KIT_H

#include "endpoint_pair.h"
#include "stor_memory_disk.h"

#include <vmbus/drivers/stor_host.h>
#include <vmbus/proto/stor.h>

#define KIT_PAGES    1024u
#define KIT_CHANNELS 3u

/* An answer, as it came. */
struct kit_answer {
    uint64_t id;
    uint32_t packet_bytes;
    uint16_t type;
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    struct vmb_stor_header header;
    struct vmb_stor_srb srb;
};

struct kit {
    struct pair *pairs[KIT_CHANNELS];
    struct vmb_stor_host *host;
    void *memory;
    uint8_t *pages; /* The guest's memory; page 0 is not. */
    struct memory_disk disk;
    uint32_t packet_bytes; /* Of the guest's version. */
    uint64_t last_id;
    vmb_status failure;
    uint32_t polls;
};

/* Guest memory that a request names. */
struct kit_range {
    vmb_gpa address;
    uint32_t byte_count;
};

/* @request_limit 0: the default. Nothing is open yet; LUN 0 is a disk of 4 MiB. */
struct kit *kit_new(uint32_t ring_bytes, uint32_t request_limit);
void kit_free(struct kit *kit);

void kit_open(struct kit *kit, uint32_t channel);

/* As a guest does it: begin, version, properties, end. */
void kit_initialise(struct kit *kit, uint16_t version);

/* Open, initialise, and take the unit attention of LUN 0. */
struct kit *kit_ready(void);

/* Deliver doorbells until all is quiet. */
void kit_run(struct kit *kit);

/* Send a packet; @ranges may be none. Returns its id. Does not run the host. */
uint64_t kit_send(struct kit *kit, uint32_t channel, const uint8_t *packet, uint32_t packet_bytes,
                  const struct kit_range *ranges, uint32_t range_count);

/* The next answer, or false. */
bool kit_receive(struct kit *kit, uint32_t channel, struct kit_answer *answer);

/* Send an operation with an empty body, run, receive. Returns the status. */
uint32_t kit_operation(struct kit *kit, uint32_t operation, uint16_t argument);

/* Fill in and send a SCSI request. @cdb in hexadecimal. Returns its id. */
uint64_t kit_send_scsi(struct kit *kit, uint32_t channel, uint8_t lun, const char *cdb,
                       const struct kit_range *ranges, uint32_t range_count);

/* The same, run, and receive; on channel 0. */
struct kit_answer kit_scsi(struct kit *kit, uint8_t lun, const char *cdb,
                           const struct kit_range *ranges, uint32_t range_count);

/* A command whose answer goes to page 1; returns how many bytes came. */
uint32_t kit_ask(struct kit *kit, uint8_t lun, const char *cdb, uint8_t **out_data);

void assert_good(const struct kit_answer *answer, uint32_t moved_bytes);
void assert_sense(const struct kit_answer *answer, uint8_t key, uint16_t asc);

struct vmb_stor_host_counters kit_counters(const struct kit *kit);

#endif /* STOR_KIT_H */
