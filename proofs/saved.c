/* SPDX-License-Identifier: MIT */
/*
 * The records of a saved host: from any state that a restore can be in, any record of any kind,
 * length and contents is refused, or taken over and leaves such a state, without an access outside
 * of the host's tables and queues. By induction so does any sequence of records. What a field
 * yields is anything, as pack.c shows that no more can be said of it; what the other files of the
 * host answer is anything that they can.
 */
#define PROOF_PRIVATE_ATOMICS
#include "proof.h"

#include "host/vmb_host_restore_records.c"
#include "host/vmb_host_saved.c"

#define CHANNELS     1u /* More are slow to follow. */
#define MESSAGES     8u
#define WORDS        2u
#define RECORD_BYTES 700u

static struct vmb_host host; /* No relid and no monitor id is taken: one that is, is refused. */
static struct vmb_host_channel channels[CHANNELS];
static struct vmb_host_gpadl gpadls[2];
static struct vmbi_host_out out[MESSAGES];

/* ---- Fields: pack.c -------------------------------------------------------------------------- */

static void field(struct vmbi_pack *pack, size_t byte_count)
{
    if (pack->byte_count - pack->at >= byte_count) {
        pack->at += byte_count;
    } else {
        pack->failed = true;
    }
}

/* Texts and GUIDs: whatever they are, nothing here depends on it. */
void vmbi_pack_bytes(struct vmbi_pack *pack, void *bytes, size_t byte_count)
{
    proof_writable(bytes, byte_count);
    field(pack, byte_count);
}

#define PROOF_FIELD(name, type)                                                                    \
    void vmbi_pack_##name(struct vmbi_pack *pack, type *value)                                     \
    {                                                                                              \
        *value = (type)proof_any();                                                                \
        field(pack, sizeof(type));                                                                 \
    }
PROOF_FIELD(u8, uint8_t)
PROOF_FIELD(u16, uint16_t)
PROOF_FIELD(u32, uint32_t)
PROOF_FIELD(u64, uint64_t)

void vmbi_pack_bool(struct vmbi_pack *pack, bool *value)
{
    uint8_t byte = (uint8_t)proof_any();

    field(pack, 1);
    pack->failed = pack->failed || byte > 1;
    *value = byte == 1;
}

vmb_status vmbi_pack_end(const struct vmbi_pack *pack)
{
    return pack->failed || pack->at != pack->byte_count ? VMB_ERR_MALFORMED : VMB_OK;
}

/* ---- The rest of the host -------------------------------------------------------------------- */

struct vmb_host_channel *vmbi_host_channel_find(struct vmb_host *of,
                                                const struct vmb_guid *class_id,
                                                const struct vmb_guid *instance_id, uint16_t index)
{
    uint32_t slot = (uint32_t)proof_any();

    (void)of;
    (void)class_id;
    (void)instance_id;
    (void)index;
    return slot < CHANNELS ? &channels[0] : NULL;
}

struct vmb_host_channel *vmbi_host_channel_make(struct vmb_host *of,
                                                const struct vmb_guid *class_id,
                                                const struct vmb_guid *instance_id, uint16_t index,
                                                uint16_t order)
{
    struct vmb_host_channel *channel = vmbi_host_channel_find(of, class_id, instance_id, index);

    (void)order;
    proof_assume(channel == NULL || channel->saved_index == 0); /* A free one. */
    return channel;
}

void vmbi_host_owe_reserved(struct vmb_host_channel *channel, enum vmbi_host_reserved_reply reply,
                            uint32_t status)
{
    (void)status;
    proof_check(reply <= VMBI_RESERVED_CLOSED);
    proof_writable(channel, sizeof(*channel));
}

struct vmb_host_gpadl *vmbi_gpadl_words_allocate(struct vmb_host *of, uint32_t word_count)
{
    gpadls[1].pages_seen = 0;
    gpadls[1].ranges_seen = 0;
    return proof_any() != 0 && word_count <= WORDS ? &of->gpadls[1] : NULL;
}

/* gpadl_word.c: for as many words as were announced. */
vmb_status vmbi_gpadl_words_take(struct vmb_host_gpadl *gpadl, uint64_t word)
{
    (void)word;
    proof_check(gpadl->pages_seen + gpadl->ranges_seen < gpadl->page_count + gpadl->range_count);
    gpadl->pages_seen++;
    return proof_any() != 0 ? VMB_OK : VMB_ERR_MALFORMED;
}

void vmbi_gpadl_words_complete(struct vmb_host_gpadl *gpadl)
{
    proof_check(gpadl->pages_seen + gpadl->ranges_seen == gpadl->page_count + gpadl->range_count);
}

bool vmbi_host_outbox_room(const struct vmb_host *of, uint32_t wanted)
{
    (void)of;
    (void)wanted;
    return proof_any() != 0;
}

vmb_status vmbi_host_inbox_put(struct vmb_host *of, uint32_t connection_id, bool trusted,
                               const void *bytes, uint32_t byte_count)
{
    (void)of;
    (void)connection_id;
    (void)trusted;
    proof_check(byte_count <= VMB_MESSAGE_MAX_BYTES);
    proof_readable(bytes, byte_count);
    return proof_any() != 0 ? VMB_OK : VMB_ERR_RETRY;
}

uint32_t vmb_message_sender(uint32_t number)
{
    return number == 0 ? 0 : (proof_any() != 0 ? VMB_HOST_TO_GUEST : VMB_GUEST_TO_HOST);
}

bool vmb_version_known(uint32_t version)
{
    (void)version;
    return proof_any() != 0;
}

/* ---- One record ------------------------------------------------------------------------------ */

/* Any one of each, so all of them. */
static uint32_t relid, monitor, message;

/* CBMC sees an index that leaves the host, not one that leaves an array for the next within it. */
static bool channel_is_right(const struct vmb_host_channel *channel)
{
    const struct vmb_msg_offer *offer = &channel->offer;

    return (offer->relid == VMB_RELID_NONE || offer->relid < VMB_RELID_COUNT) &&
           (!offer->monitor_allocated || offer->monitor_id < VMB_MONITOR_COUNT) &&
           channel->reserved_sint < 16u;
}

/* What the other records, and whoever wakes what they describe, count on. */
static bool state_is_right(const struct vmbi_restore *restore)
{
    uint32_t saved = 0, i;

    for (i = 0; i < CHANNELS; i++) {
        saved += channels[i].saved_index != 0;
        if ((i < restore->result.channels && channels[i].saved_slot >= CHANNELS) ||
            (channels[i].saved_index != 0 && !channel_is_right(&channels[i]))) {
            return false;
        }
    }
    return saved == restore->result.channels && host.out_count <= MESSAGES &&
           (message >= host.out_count || out[message].slot < CHANNELS) &&
           host.relid_slot[relid] <= CHANNELS && host.monitor_slot[monitor] <= CHANNELS;
}

static void begin(struct vmbi_restore *restore)
{
    struct vmbi_host_connection connection; /* Anything. */
    struct vmb_host_options options;
    struct vmb_host_paravisor paravisor;
    uint32_t i;

    relid = proof_below(VMB_RELID_COUNT);
    monitor = proof_below(VMB_MONITOR_COUNT);
    message = proof_below(MESSAGES);
    proof_make_any(channels);
    host.connection = connection;
    host.options = options;
    host.paravisor = paravisor;
    host.out_count = (uint32_t)proof_any();
    host.channels = channels;
    host.gpadls = gpadls;
    host.out = out;
    host.gpadl_first = proof_any() != 0 ? 0 : VMBI_HOST_NONE;
    gpadls[0].next = VMBI_HOST_NONE;
    host.options.message_limit = MESSAGES;
    restore->host = &host;
    restore->result.channels = proof_below(CHANNELS + 1u);
    for (i = 0; i < CHANNELS; i++) {
        channels[i].host = &host;
        channels[i].slot = i;
    }
    proof_assume(state_is_right(restore));
}

int main(void)
{
    struct vmbi_restore restore = {0};
    struct vmbi_pack pack = {.in = (const uint8_t *)&restore}; /* Its bytes are pack.c's. */
    uint32_t kind = VMBI_SAVED_CONNECTION + proof_below(VMBI_SAVED_HOST);

    pack.byte_count = proof_below(RECORD_BYTES + 1u);
    begin(&restore);
    if (records_one(&restore, kind, &pack, (size_t)proof_any()) != VMB_OK) {
        return 0; /* All is wiped. */
    }
    proof_check(state_is_right(&restore));
    if (kind == VMBI_SAVED_CONNECTION) {
        proof_reached(connection);
    } else if (kind == VMBI_SAVED_CHANNEL) {
        proof_reached(channel);
    } else if (kind == VMBI_SAVED_GPADL) {
        proof_reached(gpadl);
    } else if (kind == VMBI_SAVED_OUT) {
        proof_reached(message_out);
    } else if (kind == VMBI_SAVED_IN) {
        proof_reached(message_in);
    } else {
        proof_reached(counters);
    }
    return 0;
}
