/* SPDX-License-Identifier: MIT */
/* The array of relids: any number may be asked for; what was let in at the offer stays inside. */
#include "proof.h"

#include "guest/vmb_guest_relids.c"

volatile uint64_t proof_peer;

static struct vmb_guest guest;
static struct vmb_channel channel;
static struct vmb_guest_vp vps[2];
static uint8_t event_page[VMB_PAGE_BYTES] __attribute__((aligned(4096)));

int main(void)
{
    uint32_t limit = VMB_RELID_COUNT;

    guest.vps = vps;
    guest.options.vp_count = 2;
    vps[0].guest = &guest;
    vps[1].guest = &guest;
    while (proof_any() != 0) {
        (void)vmb_guest_relid2channel(&guest, (uint32_t)proof_any());
        guest.highest_relid = proof_below(limit);
        channel.relid = proof_below(limit); /* As vmbi_on_offer() lets it in. */
        vmb_atomic_store(&vps[1].flags, (void *)event_page, VMB_RELAXED);
        vmbi_relid_map(&guest, &channel);
        proof_check(guest.highest_relid < VMB_RELID_COUNT);
        vmbi_relid_unmap(&guest, &channel);
        proof_reached(unmapped);
        proof_check(guest.highest_relid < VMB_RELID_COUNT);
    }
    return 0;
}
