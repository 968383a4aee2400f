/* SPDX-License-Identifier: MIT */
/* Event flags: the path that every doorbell of a host takes, without a lock. */
#include "base/vmb_shm.h"
#include "hv/vmb_hv_synic_state.h"

static uint32_t signal_vector(const struct vmb_hv_synic *synic, uint32_t low)
{
    return low & (uint32_t)(synic->arm64 ? VMB_HV_SINT_ARM64_ID_MASK : VMB_HV_SINT_VECTOR_MASK);
}

void vmbi_hv_interrupt(struct vmb_hv_synic *synic, uint32_t vp, uint32_t low)
{
    if ((low & (uint32_t)(VMB_HV_SINT_MASKED | VMB_HV_SINT_POLLING)) != 0) {
        return;
    }
    vmbi_hv_count(&synic->vps[vp], VMBI_HV_INTERRUPTS);
    synic->platform.raise_interrupt(synic->platform.context, vp, signal_vector(synic, low),
                                    !synic->arm64 && (low & (uint32_t)VMB_HV_SINT_AUTO_EOI) != 0);
}

/* Inside the passage: the page and the SINT's setting hold until we leave. */
static vmb_hv_result signal_flag(struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint,
                                 uint32_t flag, bool *out_newly_set)
{
    struct vmbi_hv_vp *state = &synic->vps[vp];
    /* Acquire: pairs with the register write's release; the page is mapped before it is found. */
    void VMB_SHARED *page = vmb_atomic_load(&state->flags_target, VMB_ACQUIRE);
    /* Relaxed: the passage orders it; a write that is not over yet may count as later. */
    uint32_t low = vmb_atomic_load(&state->sints[sint].low, VMB_RELAXED);
    uintptr_t bit = (uintptr_t)1 << (flag % VMBI_WORD_BITS);
    uintptr_t before;

    if (page == NULL || (low & (uint32_t)VMB_HV_SINT_MASKED) != 0) {
        return VMB_HV_INVALID_SYNIC_STATE;
    }
    /*
     * Release: pairs with the guest's acquire exchange that takes the bit; what the host put into
     * the ring is there when the guest looks. It holds for a bit that was set already, too: the
     * guest's exchange then reads this store or a later one of the same chain.
     */
    before =
        vmb_atomic_fetch_or(VMBI_SHM_WORD(vmb_hv_event_flags(page, sint), flag / VMBI_WORD_BITS),
                            vmbi_swap_le_word(bit), VMB_RELEASE);
    *out_newly_set = (vmbi_swap_le_word(before) & bit) == 0;
    if (*out_newly_set) {
        vmbi_hv_interrupt(synic, vp, low);
    }
    return VMB_HV_SUCCESS;
}

vmb_hv_result vmb_hv_synic_signal(struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint,
                                  uint32_t flag, bool *out_newly_set)
{
    struct vmbi_hv_vp *state;
    vmb_hv_result result;
    bool newly_set = false;
    uint32_t epoch;

    if (vp >= synic->vp_count) {
        return VMB_HV_INVALID_VP_INDEX;
    }
    if (sint >= VMB_HV_SINT_COUNT || flag >= VMB_HV_FLAGS_PER_SINT) {
        return VMB_HV_INVALID_PARAMETER;
    }
    state = &synic->vps[vp];
    epoch = vmbi_hv_passage_enter(&state->signallers);
    result = signal_flag(synic, vp, sint, flag, &newly_set);
    vmbi_hv_passage_leave(&state->signallers, epoch);
    if (result != VMB_HV_SUCCESS) {
        vmbi_hv_count(state, VMBI_HV_SIGNALS_REFUSED);
        return result;
    }
    vmbi_hv_count(state, VMBI_HV_SIGNALS);
    if (!newly_set) {
        vmbi_hv_count(state, VMBI_HV_SIGNALS_MERGED);
    }
    if (out_newly_set != NULL) {
        *out_newly_set = newly_set;
    }
    return result;
}
