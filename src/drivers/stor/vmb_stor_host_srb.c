/* SPDX-License-Identifier: MIT */
/*
 * SCSI requests: from the packet to jobs for a disk, from their results to the answer. A request is
 * in flight from its begin to its finish and has at most one job at a time.
 */
#include "drivers/stor/vmb_stor_host_state.h"

#include <vmbus/platform/string.h>

/* ---- The answer ------------------------------------------------------------------------------ */

static void srb_finish(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                       uint32_t status)
{
    vmb_stor_answer_encode(request->packet, status);
    vmb_stor_srb_encode(&request->srb, request->packet, request->packet_bytes);
    if (request->unit != NULL) {
        vmbi_stor_unit_release(request->unit);
        request->unit = NULL;
    }
    vmbi_stor_flight_end(channel->host, request);
    vmbi_stor_channel_answer(channel, request);
}

/* The bytes of the CDB are those of the sense data: none of it may show in the answer. */
static void srb_clear_answer(struct vmb_stor_srb *srb)
{
    vmb_memset(srb->cdb_or_sense, 0, sizeof(srb->cdb_or_sense));
    srb->data_bytes = 0;
    srb->scsi_status = VMB_STOR_SCSI_GOOD;
}

static void srb_succeed(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                        uint32_t moved_bytes)
{
    srb_clear_answer(&request->srb);
    request->srb.sense_bytes = 0;
    request->srb.srb_status = VMB_STOR_SRB_SUCCESS;
    request->srb.data_bytes = moved_bytes;
    srb_finish(channel, request, VMB_STOR_STATUS_SUCCESS);
}

/* Refused by the adapter, before any disk: no sense data. */
static void srb_refuse(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                       uint8_t srb_status, uint32_t status)
{
    srb_clear_answer(&request->srb);
    request->srb.sense_bytes = 0;
    request->srb.srb_status = srb_status;
    srb_finish(channel, request, status);
}

static void srb_fail(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                     const struct vmbi_sense *sense)
{
    struct vmb_stor_srb *srb = &request->srb;
    uint8_t bytes[VMBI_SENSE_BYTES];

    vmbi_stor_count(channel, VMBI_STOR_CONDITIONS, 1);
    srb_clear_answer(srb);
    srb->srb_status = VMB_STOR_SRB_ERROR;
    srb->scsi_status = VMB_STOR_SCSI_CHECK_CONDITION;
    if (srb->sense_bytes > VMBI_SENSE_BYTES) {
        srb->sense_bytes = VMBI_SENSE_BYTES;
    }
    if ((srb->srb_flags & VMB_STOR_SRB_DISABLE_AUTOSENSE) != 0) {
        srb->sense_bytes = 0;
    }
    if (srb->sense_bytes != 0) {
        vmbi_sense_encode(sense, bytes);
        vmb_memcpy(srb->cdb_or_sense, bytes, srb->sense_bytes);
        srb->srb_status |= VMB_STOR_SRB_SENSE_VALID;
    }
    srb_finish(channel, request, VMB_STOR_STATUS_SUCCESS);
}

/* The guest gave less memory than its command needs. Nothing was done. */
static void srb_overrun(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    vmbi_stor_count(channel, VMBI_STOR_REFUSED, 1);
    srb_refuse(channel, request, VMB_STOR_SRB_DATA_OVERRUN, VMB_STOR_STATUS_SUCCESS);
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static void srb_count_job(struct vmbi_stor_channel *channel, const struct vmb_stor_io *io)
{
    switch (io->operation) {
    case VMB_STOR_READ:
        vmbi_stor_count(channel, VMBI_STOR_READS, 1);
        vmbi_stor_count(channel, VMBI_STOR_BYTES_READ, io->byte_count);
        break;
    case VMB_STOR_WRITE:
        vmbi_stor_count(channel, VMBI_STOR_WRITES, 1);
        vmbi_stor_count(channel, VMBI_STOR_BYTES_WRITTEN, io->byte_count);
        break;
    case VMB_STOR_FLUSH:
        vmbi_stor_count(channel, VMBI_STOR_FLUSHES, 1);
        break;
    case VMB_STOR_DISCARD:
    case VMB_STOR_WRITE_ZEROES:
    default:
        vmbi_stor_count(channel, VMBI_STOR_DISCARDS, 1);
        break;
    }
}

/* Hand the job of @request to its disk. It may have completed when this returns. */
static void srb_submit(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                       uint64_t block, uint64_t block_count)
{
    struct vmbi_stor_unit *unit = request->unit;
    const struct vmb_stor_disk *disk = &unit->disk.is;
    struct vmb_stor_io *io = &request->io;
    uint64_t bit = UINT64_C(1) << (unit - channel->host->units);

    io->offset_bytes = block << unit->disk.block_shift;
    io->byte_count = block_count << unit->disk.block_shift;
    io->segments = request->segments;
    io->segment_count = io->operation == VMB_STOR_READ || io->operation == VMB_STOR_WRITE
                            ? request->segment_count
                            : 0;
    io->error_offset_bytes = 0;
    io->link = NULL;
    io->note = 0;
    srb_count_job(channel, io);
    channel->jobs++;
    if ((channel->touched & bit) == 0) {
        channel->touched |= bit;
        vmbi_stor_unit_hold_again(unit);
    }
    disk->ops->submit(disk->context, io);
}

/* The next range of an UNMAP. */
static void srb_submit_range(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    const struct vmbi_scsi_range *range = &request->ranges[request->range_index++];

    srb_submit(channel, request, range->block, range->block_count);
}

/* The next blocks of a WRITE SAME: as many as there are segments to name the one block by. */
static void srb_submit_repeats(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                               uint64_t block)
{
    uint32_t limit = channel->host->segment_limit / 2;
    uint32_t count = request->blocks_left < limit ? (uint32_t)request->blocks_left : limit;
    uint32_t i, k;

    request->segment_count = 0;
    for (i = 0; i < count; i++) {
        for (k = 0; k < request->block_segments; k++) {
            request->segments[request->segment_count++] = request->block[k];
        }
    }
    request->blocks_left -= count;
    srb_submit(channel, request, block, count);
}

void vmbi_stor_srb_continue(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                            bool abandon)
{
    const struct vmbi_scsi_disk *disk = &request->unit->disk;
    struct vmbi_sense sense = vmbi_sense_of_result(disk, &request->io, request->result);

    if (request->result != VMB_STOR_DONE) {
        srb_fail(channel, request, &sense);
    } else if (abandon) {
        srb_refuse(channel, request, VMB_STOR_SRB_ABORTED, VMB_STOR_STATUS_SUCCESS);
    } else if (request->plan == VMBI_STOR_UNMAPS && request->range_index < request->range_count) {
        srb_submit_range(channel, request);
    } else if (request->plan == VMBI_STOR_REPEATS && request->blocks_left != 0) {
        srb_submit_repeats(channel, request,
                           (request->io.offset_bytes + request->io.byte_count) >>
                               disk->block_shift);
    } else {
        if (request->stops) {
            vmb_atomic_store(&request->unit->stopped, 1, VMB_RELAXED);
        }
        srb_succeed(channel, request, request->moved_bytes);
    }
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

static void srb_unmap(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                      uint32_t list_bytes)
{
    uint8_t list[VMBI_SCSI_UNMAP_LIST_BYTES];
    struct vmbi_sense sense;

    vmbi_stor_data_load(request, list, list_bytes);
    if (!vmbi_scsi_unmap_list(&request->unit->disk, list, list_bytes, request->ranges,
                              &request->range_count, &sense)) {
        srb_fail(channel, request, &sense);
        return;
    }
    request->moved_bytes = request->srb.data_bytes;
    if (request->range_count == 0) {
        srb_succeed(channel, request, request->moved_bytes);
        return;
    }
    request->plan = VMBI_STOR_UNMAPS;
    request->range_index = 0;
    request->io.operation = VMB_STOR_DISCARD;
    srb_submit_range(channel, request);
}

static void srb_write_same(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                           const struct vmbi_scsi_outcome *outcome)
{
    uint32_t i;

    vmbi_stor_data_trim(request, request->unit->disk.is.block_bytes);
    request->moved_bytes = request->unit->disk.is.block_bytes;
    if (vmbi_stor_data_is_zero(request)) {
        request->io.operation = VMB_STOR_WRITE_ZEROES;
        srb_submit(channel, request, outcome->block, outcome->block_count);
        return;
    }
    if (request->segment_count > sizeof(request->block) / sizeof(request->block[0])) {
        vmbi_stor_count(channel, VMBI_STOR_REFUSED, 1);
        srb_refuse(channel, request, VMB_STOR_SRB_INVALID_REQUEST,
                   VMB_STOR_STATUS_INVALID_PARAMETER);
        return;
    }
    for (i = 0; i < request->segment_count; i++) {
        request->block[i] = request->segments[i];
    }
    request->block_segments = request->segment_count;
    request->blocks_left = outcome->block_count;
    request->plan = VMBI_STOR_REPEATS;
    srb_submit_repeats(channel, request, outcome->block);
}

static void srb_io(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                   const struct vmbi_scsi_outcome *outcome, uint32_t data_bytes)
{
    uint32_t shift = request->unit->disk.block_shift;

    if (outcome->operation == VMB_STOR_READ || outcome->operation == VMB_STOR_WRITE) {
        uint32_t bytes = (uint32_t)(outcome->block_count << shift); /* Within the limit. */

        if (bytes > data_bytes) {
            srb_overrun(channel, request);
            return;
        }
        vmbi_stor_data_trim(request, bytes);
        request->moved_bytes = bytes;
    }
    srb_submit(channel, request, outcome->block, outcome->block_count);
}

/* @command.data is what it would send; @data_bytes is what the guest has room for, or gives. */
static void srb_act(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                    const struct vmbi_scsi_command *command,
                    const struct vmbi_scsi_outcome *outcome, uint32_t data_bytes)
{
    uint32_t bytes = outcome->data_bytes < data_bytes ? outcome->data_bytes : data_bytes;

    request->io.operation = outcome->operation;
    request->io.is_durable = outcome->is_durable;
    request->io.may_unmap = outcome->may_unmap;
    switch (outcome->action) {
    case VMBI_SCSI_GOOD:
        srb_succeed(channel, request, 0);
        break;
    case VMBI_SCSI_DATA:
        vmbi_stor_data_store(request, command->data, bytes);
        srb_succeed(channel, request, bytes);
        break;
    case VMBI_SCSI_IO:
        srb_io(channel, request, outcome, data_bytes);
        break;
    case VMBI_SCSI_UNMAP_LIST:
        if (bytes < outcome->data_bytes) {
            srb_overrun(channel, request);
        } else {
            srb_unmap(channel, request, outcome->data_bytes);
        }
        break;
    case VMBI_SCSI_SAME:
        if (data_bytes < request->unit->disk.is.block_bytes) {
            srb_overrun(channel, request);
        } else {
            srb_write_same(channel, request, outcome);
        }
        break;
    case VMBI_SCSI_FAIL:
    default:
        srb_fail(channel, request, &outcome->sense);
        break;
    }
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void srb_start_or_stop(struct vmbi_stor_request *request,
                              const struct vmbi_scsi_outcome *outcome)
{
    request->stops = outcome->stops;
    if (outcome->starts || (outcome->stops && outcome->action == VMBI_SCSI_GOOD)) {
        vmb_atomic_store(&request->unit->stopped, outcome->stops ? 1 : 0, VMB_RELAXED);
    }
}

/* A command for a disk that is there, held by @request. */
static void srb_execute(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                        const struct vmbi_scsi_command *command, uint32_t data_bytes)
{
    struct vmbi_stor_unit *unit = request->unit;
    struct vmbi_scsi_outcome outcome;
    struct vmbi_sense attention;

    if (vmbi_scsi_reports_attention(command->cdb[0]) &&
        vmbi_stor_unit_attention(unit, &attention)) {
        srb_fail(channel, request, &attention);
        return;
    }
    if (command->cdb[0] == VMBI_SCSI_REQUEST_SENSE && command->cdb_bytes >= 6 &&
        vmbi_stor_unit_attention(unit, &attention)) {
        vmbi_scsi_request_sense(command, &attention, &outcome);
    } else {
        vmbi_scsi_execute(&unit->disk, vmb_atomic_load(&unit->stopped, VMB_RELAXED) != 0, command,
                          &outcome);
        srb_start_or_stop(request, &outcome);
    }
    srb_act(channel, request, command, &outcome, data_bytes);
}

/* REPORT LUNS is for the target, whichever LUN it is sent to, and tells of changes. */
static void srb_report_luns(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                            const struct vmbi_scsi_command *command, uint32_t data_bytes)
{
    struct vmb_stor_host *host = channel->host;
    bool is_ours = request->srb.path == 0 && request->srb.target == 0;
    struct vmbi_scsi_outcome outcome;
    uint32_t i;

    for (i = 0; is_ours && i < VMB_STOR_LUN_COUNT; i++) {
        vmb_atomic_fetch_and(&host->units[i].attention, ~VMBI_STOR_ATTENTION_LUNS, VMB_RELAXED);
    }
    vmbi_scsi_report_luns(is_ours ? vmbi_stor_units_present(host) : 0, command, &outcome);
    srb_act(channel, request, command, &outcome, data_bytes);
}

static void srb_absent(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                       const struct vmbi_scsi_command *command, uint32_t data_bytes)
{
    struct vmbi_scsi_outcome outcome;

    if (command->cdb[0] == VMBI_SCSI_INQUIRY && command->cdb_bytes >= 6) {
        vmbi_scsi_inquire_nothing(command, &outcome);
        srb_act(channel, request, command, &outcome, data_bytes);
    } else {
        /* What current hosts say, and what makes guests drop a LUN that they knew. */
        srb_refuse(channel, request, VMB_STOR_SRB_INVALID_LUN, VMB_STOR_STATUS_SUCCESS);
    }
}

void vmbi_stor_srb_begin(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                         const struct vmb_packet *packet)
{
    struct vmb_stor_srb *srb = &request->srb;
    uint8_t cdb[VMB_STOR_SENSE_BYTES];
    uint8_t data[VMBI_SCSI_DATA_BYTES];
    struct vmbi_scsi_command command = {.cdb = cdb, .data = data};
    uint32_t memory_bytes;

    request->unit = NULL;
    request->plan = VMBI_STOR_ONE_JOB;
    request->stops = false;
    request->moved_bytes = 0;
    if (vmb_stor_srb_decode(request->packet, request->packet_bytes, false, srb) != VMB_OK) {
        vmbi_stor_count(channel, VMBI_STOR_MALFORMED, 1);
        vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_INVALID_PARAMETER);
        return;
    }
    vmbi_stor_flight_begin(channel->host, request);
    if (!vmbi_stor_data_map(channel, request, packet, &memory_bytes) ||
        srb->data_bytes > memory_bytes) {
        vmbi_stor_count(channel, VMBI_STOR_REFUSED, 1);
        srb_refuse(channel, request, VMB_STOR_SRB_INVALID_REQUEST,
                   VMB_STOR_STATUS_INVALID_PARAMETER);
        return;
    }
    vmbi_stor_data_trim(request, srb->data_bytes);
    vmb_memcpy(cdb, srb->cdb_or_sense, sizeof(cdb)); /* The answer overwrites that. */
    command.cdb_bytes = srb->cdb_bytes;
    request->unit = vmbi_stor_unit_hold(channel->host, srb);
    if (cdb[0] == VMBI_SCSI_REPORT_LUNS) {
        srb_report_luns(channel, request, &command, srb->data_bytes);
    } else if (request->unit == NULL) {
        srb_absent(channel, request, &command, srb->data_bytes);
    } else {
        srb_execute(channel, request, &command, srb->data_bytes);
    }
}
