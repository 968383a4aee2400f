/* SPDX-License-Identifier: MIT */
/* The emulated SynIC as the guest sees it: its registers, read and written. */
#include "hv/vmb_hv_synic_state.h"

enum register_kind {
    REGISTER_SCONTROL,
    REGISTER_SVERSION,
    REGISTER_SIEFP,
    REGISTER_SIMP,
    REGISTER_EOM,
    REGISTER_SINT,
    REGISTER_NONE
};

static const struct {
    uint32_t msr;
    uint32_t arm64;
    enum register_kind kind;
} register_names[] = {
    {VMB_HV_MSR_SCONTROL, VMB_HV_ARM64_SCONTROL, REGISTER_SCONTROL},
    {VMB_HV_MSR_SVERSION, VMB_HV_ARM64_SVERSION, REGISTER_SVERSION},
    {VMB_HV_MSR_SIEFP, VMB_HV_ARM64_SIEFP, REGISTER_SIEFP},
    {VMB_HV_MSR_SIMP, VMB_HV_ARM64_SIMP, REGISTER_SIMP},
    {VMB_HV_MSR_EOM, VMB_HV_ARM64_EOM, REGISTER_EOM},
};

/* Which register a number names; its SINT if it is one. */
static enum register_kind register_find(const struct vmb_hv_synic *synic, uint32_t number,
                                        uint32_t *out_sint)
{
    *out_sint = number - (synic->arm64 ? VMB_HV_ARM64_SINT0 : VMB_HV_MSR_SINT0);
    if (*out_sint < VMB_HV_SINT_COUNT) {
        return REGISTER_SINT;
    }
    for (size_t i = 0; i < sizeof(register_names) / sizeof(register_names[0]); i++) {
        if (number == (synic->arm64 ? register_names[i].arm64 : register_names[i].msr)) {
            return register_names[i].kind;
        }
    }
    return REGISTER_NONE;
}

vmb_status vmb_hv_synic_read(const struct vmb_hv_synic *synic, uint32_t vp, uint32_t number,
                             uint64_t *out_value)
{
    const struct vmbi_hv_vp *state;
    uint32_t sint;

    if (vp >= synic->vp_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    state = &synic->vps[vp];
    switch (register_find(synic, number, &sint)) {
    case REGISTER_SCONTROL:
        *out_value = state->scontrol;
        return VMB_OK;
    case REGISTER_SVERSION:
        *out_value = VMB_HV_SVERSION_1;
        return VMB_OK;
    case REGISTER_SIEFP:
        *out_value = state->siefp;
        return VMB_OK;
    case REGISTER_SIMP:
        *out_value = state->simp;
        return VMB_OK;
    case REGISTER_EOM:
        *out_value = 0;
        return VMB_OK;
    case REGISTER_SINT:
        /* Relaxed: written by the VP's one caller, which is us. */
        *out_value = (uint64_t)state->sints[sint].high << 32 |
                     vmb_atomic_load(&state->sints[sint].low, VMB_RELAXED);
        return VMB_OK;
    case REGISTER_NONE:
        break;
    }
    return VMB_ERR_UNSUPPORTED;
}

static vmb_status register_write_sint(struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint,
                                      uint64_t value)
{
    struct vmbi_hv_vp *state = &synic->vps[vp];
    uint64_t mask = synic->arm64 ? VMB_HV_SINT_ARM64_ID_MASK : VMB_HV_SINT_VECTOR_MASK;

    if ((value & VMB_HV_SINT_MASKED) == 0 && (value & mask) < VMB_HV_SINT_VECTOR_MIN) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    state->sints[sint].high = (uint32_t)(value >> 32);
    /* Relaxed: drain makes it known to whoever comes later and waits for those who came before. */
    vmb_atomic_store(&state->sints[sint].low, (uint32_t)value, VMB_RELAXED);
    vmbi_hv_passage_drain(&state->signallers);
    return VMB_OK;
}

vmb_status vmb_hv_synic_write(struct vmb_hv_synic *synic, uint32_t vp, uint32_t number,
                              uint64_t value)
{
    struct vmbi_hv_vp *state;
    uint64_t before;
    uint32_t sint;

    if (vp >= synic->vp_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    state = &synic->vps[vp];
    switch (register_find(synic, number, &sint)) {
    case REGISTER_SCONTROL:
        state->scontrol = value;
        vmbi_hv_synic_publish(state);
        vmbi_hv_passage_drain(&state->signallers);
        break;
    case REGISTER_SIEFP:
        before = state->siefp;
        state->siefp = value;
        vmbi_hv_synic_remap(synic, vp, &state->event_page, before, value);
        return VMB_OK;
    case REGISTER_SIMP:
        before = state->simp;
        state->simp = value;
        vmbi_hv_synic_remap(synic, vp, &state->message_page, before, value);
        break;
    case REGISTER_EOM:
        break;
    case REGISTER_SINT:
        return register_write_sint(synic, vp, sint, value);
    case REGISTER_SVERSION:
        return VMB_ERR_INVALID_ARGUMENT;
    case REGISTER_NONE:
        return VMB_ERR_UNSUPPORTED;
    }
    vmbi_hv_messages_rescan(synic, vp);
    return VMB_OK;
}
