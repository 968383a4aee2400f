/* SPDX-License-Identifier: MIT */
#include "host/vmb_host_saved.h"

#define SAVED_MAGIC       "VMBSAVE\n"
#define SAVED_MAGIC_BYTES 8u
#define SAVED_CRC_OFFSET  12u
#define SAVED_AFTER_CRC   (SAVED_CRC_OFFSET + 4u)

void vmbi_saved_pack_header(struct vmbi_pack *pack, struct vmbi_saved_header *header)
{
    uint8_t magic[SAVED_MAGIC_BYTES];

    vmb_memcpy(magic, SAVED_MAGIC, sizeof(magic));
    vmbi_pack_bytes(pack, magic, sizeof(magic));
    pack->failed = pack->failed || vmb_memcmp(magic, SAVED_MAGIC, sizeof(magic)) != 0;
    vmbi_pack_u32(pack, &header->format);
    vmbi_pack_u32(pack, &header->crc);
    vmbi_pack_u64(pack, &header->byte_count);
    vmbi_pack_u32(pack, &header->bus_version);
    vmbi_pack_u32(pack, &header->channel_count);
}

uint32_t vmbi_saved_crc(const uint8_t *bytes, size_t byte_count)
{
    uint32_t crc = vmbi_crc32(0, bytes, SAVED_CRC_OFFSET);

    return vmbi_crc32(crc, bytes + SAVED_AFTER_CRC, byte_count - SAVED_AFTER_CRC);
}

static void saved_guid(struct vmbi_pack *pack, struct vmb_guid *guid)
{
    vmbi_pack_bytes(pack, guid->bytes, sizeof(guid->bytes));
}

static void saved_contact(struct vmbi_pack *pack, struct vmb_msg_initiate_contact *request)
{
    vmbi_pack_u32(pack, &request->requested_version);
    vmbi_pack_u32(pack, &request->target_message_vp);
    vmbi_pack_u64(pack, &request->interrupt_page_gpa);
    vmbi_pack_u8(pack, &request->target_sint);
    vmbi_pack_u8(pack, &request->target_vtl);
    vmbi_pack_u32(pack, &request->requested_features);
    vmbi_pack_u64(pack, &request->parent_to_child_gpa);
    vmbi_pack_u64(pack, &request->child_to_parent_gpa);
    saved_guid(pack, &request->client_guid);
}

void vmbi_saved_pack_connection(struct vmbi_pack *pack, struct vmbi_host_connection *connection)
{
    vmbi_pack_u8(pack, &connection->state);
    vmbi_pack_u8(pack, &connection->next);
    vmbi_pack_u8(pack, &connection->reason);
    vmbi_pack_bool(pack, &connection->announce);
    vmbi_pack_bool(pack, &connection->offers_requested);
    vmbi_pack_bool(pack, &connection->all_offers_due);
    vmbi_pack_bool(pack, &connection->paused);
    vmbi_pack_bool(pack, &connection->trusted);
    vmbi_pack_bool(pack, &connection->request_trusted);
    vmbi_pack_bool(pack, &connection->has_interrupt_page);
    vmbi_pack_bool(pack, &connection->has_monitor_page);
    vmbi_pack_u32(pack, &connection->version);
    vmbi_pack_u32(pack, &connection->features);
    vmbi_pack_u32(pack, &connection->vp);
    vmbi_pack_u32(pack, &connection->hold_after);
    vmbi_pack_u64(pack, &connection->interrupt_page_gpa);
    vmbi_pack_u64(pack, &connection->monitor_page_gpa);
    saved_contact(pack, &connection->request);
}

static void saved_offer(struct vmbi_pack *pack, struct vmb_msg_offer *offer)
{
    saved_guid(pack, &offer->interface_guid);
    saved_guid(pack, &offer->instance_guid);
    vmbi_pack_u16(pack, &offer->flags);
    vmbi_pack_u16(pack, &offer->mmio_megabytes);
    vmbi_pack_bytes(pack, offer->user_defined, sizeof(offer->user_defined));
    vmbi_pack_u16(pack, &offer->subchannel_index);
    vmbi_pack_u16(pack, &offer->optional_mmio_megabytes);
    vmbi_pack_u32(pack, &offer->relid);
    vmbi_pack_u8(pack, &offer->monitor_id);
    vmbi_pack_bool(pack, &offer->monitor_allocated);
    vmbi_pack_bool(pack, &offer->is_dedicated);
    vmbi_pack_u32(pack, &offer->connection_id);
}

static void saved_request(struct vmbi_pack *pack, struct vmb_msg_open_channel *request)
{
    vmbi_pack_u32(pack, &request->relid);
    vmbi_pack_u32(pack, &request->open_id);
    vmbi_pack_u32(pack, &request->ring_gpadl);
    vmbi_pack_u32(pack, &request->target_vp);
    vmbi_pack_u32(pack, &request->downstream_page_offset);
    vmbi_pack_bytes(pack, request->user_defined, sizeof(request->user_defined));
    vmbi_pack_u32(pack, &request->connection_id);
    vmbi_pack_u16(pack, &request->event_flag);
    vmbi_pack_u16(pack, &request->open_flags);
}

static void saved_ring(struct vmbi_pack *pack, struct vmbi_ring_saved *ring)
{
    uint64_t full = ring->full;
    uint64_t faults = ring->broken ? 1 : 0; /* Says nothing new; the format has it. */

    vmbi_pack_u32(pack, &ring->offset);
    vmbi_pack_u32(pack, &ring->published_offset);
    vmbi_pack_u32(pack, &ring->pending_bytes);
    vmbi_pack_bool(pack, &ring->broken);
    vmbi_pack_u64(pack, &ring->counters.packets);
    vmbi_pack_u64(pack, &ring->counters.signals_sent);
    vmbi_pack_u64(pack, &ring->counters.bytes);
    vmbi_pack_u64(pack, &ring->counters.signals_spared);
    vmbi_pack_u64(pack, &full);
    vmbi_pack_u64(pack, &faults);
    ring->full = (uint32_t)full;
}

static void saved_channel_counters(struct vmbi_pack *pack,
                                   struct vmb_host_channel_counters *counters)
{
    vmbi_pack_u64(pack, &counters->started);
    vmbi_pack_u64(pack, &counters->coalesced);
    vmbi_pack_u64(pack, &counters->stray);
    vmbi_pack_u64(pack, &counters->handler_runs);
    vmbi_pack_u64(pack, &counters->events_raised);
    vmbi_pack_u64(pack, &counters->opens);
    vmbi_pack_u64(pack, &counters->retargets);
}

void vmbi_saved_pack_channel(struct vmbi_pack *pack, struct vmbi_saved_channel *channel)
{
    saved_offer(pack, &channel->offer);
    vmbi_pack_u16(pack, &channel->order);
    vmbi_pack_u8(pack, &channel->state);
    vmbi_pack_bool(pack, &channel->known);
    vmbi_pack_bool(pack, &channel->offer_due);
    vmbi_pack_bool(pack, &channel->rescind_due);
    vmbi_pack_bool(pack, &channel->withdrawn);
    vmbi_pack_bool(pack, &channel->reserved);
    vmbi_pack_bool(pack, &channel->owes_open_result);
    vmbi_pack_bool(pack, &channel->control_wanted);
    vmbi_pack_bool(pack, &channel->modifying);
    vmbi_pack_bool(pack, &channel->modify_next);
    vmbi_pack_bool(pack, &channel->legacy);
    vmbi_pack_bool(pack, &channel->private_ring);
    vmbi_pack_bool(pack, &channel->reserved_trusted);
    vmbi_pack_u8(pack, &channel->event_sint);
    vmbi_pack_u8(pack, &channel->reserved_reply);
    vmbi_pack_u8(pack, &channel->reserved_sint);
    vmbi_pack_u32(pack, &channel->modify_next_vp);
    vmbi_pack_u32(pack, &channel->reserved_vp);
    vmbi_pack_u32(pack, &channel->reserved_relid);
    vmbi_pack_u32(pack, &channel->reserved_status);
    vmbi_pack_u32(pack, &channel->connection_id);
    vmbi_pack_u32(pack, &channel->target_vp);
    vmbi_pack_u16(pack, &channel->target_flag);
    saved_request(pack, &channel->request);
    saved_channel_counters(pack, &channel->counters);
    if (channel->state == VMB_HOST_CHANNEL_OPEN) {
        saved_ring(pack, &channel->tx);
        saved_ring(pack, &channel->rx);
    }
    vmbi_pack_bool(pack, &channel->has_device);
    vmbi_pack_u32(pack, &channel->device_bytes);
}

void vmbi_saved_pack_gpadl(struct vmbi_pack *pack, struct vmbi_saved_gpadl *gpadl)
{
    vmbi_pack_u32(pack, &gpadl->channel);
    vmbi_pack_u32(pack, &gpadl->handle);
    vmbi_pack_u8(pack, &gpadl->state);
    vmbi_pack_bool(pack, &gpadl->owes_answer);
    vmbi_pack_bool(pack, &gpadl->mapped);
    vmbi_pack_bool(pack, &gpadl->in_private);
    vmbi_pack_u32(pack, &gpadl->page_count);
    vmbi_pack_u32(pack, &gpadl->range_count);
    vmbi_pack_u32(pack, &gpadl->word_count);
}

void vmbi_saved_pack_out(struct vmbi_pack *pack, struct vmbi_saved_out *out)
{
    vmbi_pack_u16(pack, &out->number);
    vmbi_pack_u8(pack, &out->sint);
    vmbi_pack_u8(pack, &out->byte_count);
    vmbi_pack_bool(pack, &out->trusted);
    vmbi_pack_u32(pack, &out->vp);
    vmbi_pack_u32(pack, &out->channel);
    vmbi_pack_u32(pack, &out->relid);
    if (out->byte_count > sizeof(out->bytes)) {
        pack->failed = true;
        out->byte_count = 0;
    }
    vmbi_pack_bytes(pack, out->bytes, out->byte_count);
}

void vmbi_saved_pack_counters(struct vmbi_pack *pack, struct vmb_host_counters *counters)
{
    vmbi_pack_u64(pack, &counters->messages_received);
    vmbi_pack_u64(pack, &counters->messages_refused);
    vmbi_pack_u64(pack, &counters->messages_malformed);
    vmbi_pack_u64(pack, &counters->messages_unknown);
    vmbi_pack_u64(pack, &counters->messages_unexpected);
    vmbi_pack_u64(pack, &counters->messages_untrusted);
    vmbi_pack_u64(pack, &counters->messages_posted);
    vmbi_pack_u64(pack, &counters->messages_dropped);
    vmbi_pack_u64(pack, &counters->post_retries);
    vmbi_pack_u64(pack, &counters->contacts);
    vmbi_pack_u64(pack, &counters->versions_refused);
    vmbi_pack_u64(pack, &counters->offers_sent);
    vmbi_pack_u64(pack, &counters->opens_refused);
    vmbi_pack_u64(pack, &counters->gpadls_created);
    vmbi_pack_u64(pack, &counters->gpadls_refused);
    vmbi_pack_u64(pack, &counters->modifies_refused);
    vmbi_pack_u64(pack, &counters->signals_unknown);
    vmbi_pack_u64(pack, &counters->lines_suppressed);
}
