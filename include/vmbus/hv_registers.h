/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The registers of a hypervisor's guest: their numbers, their bits, and what to write.
 *
 * Every register here belongs to one VP and must be written by it (on ARM64 by hypercall). Bits
 * that no document names are "preserve": read the register, change your bits, write it back. That
 * is what the functions do: they take what you read and return what to write.
 *
 * To bring the SynIC of a VP up: vmb_guest_vp_start(), then message page, event page, SINT 2,
 * SCONTROL, in this order. To take it down: SINT 2 masked, then the pages off; SCONTROL off only if
 * nobody else uses the SynIC. After any time with the SINT masked, look into both pages and write
 * EOM once: interrupts that came meanwhile are lost (TLFS 11.12.4).
 */
#ifndef VMB_HV_REGISTERS_H
#define VMB_HV_REGISTERS_H

#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** @name x86: model-specific registers (TLFS appendix). @{ */
#define VMB_HV_MSR_GUEST_OS_ID    0x40000000u
#define VMB_HV_MSR_HYPERCALL      0x40000001u
#define VMB_HV_MSR_VP_INDEX       0x40000002u /**< What every target_vp means. */
#define VMB_HV_MSR_RESET          0x40000003u
#define VMB_HV_MSR_TIME_REF_COUNT 0x40000020u /**< In 100 ns. */
#define VMB_HV_MSR_REFERENCE_TSC  0x40000021u
#define VMB_HV_MSR_TSC_FREQUENCY  0x40000022u /**< In Hz. */
#define VMB_HV_MSR_EOI            0x40000070u
#define VMB_HV_MSR_SCONTROL       0x40000080u
#define VMB_HV_MSR_SVERSION       0x40000081u
#define VMB_HV_MSR_SIEFP          0x40000082u
#define VMB_HV_MSR_SIMP           0x40000083u
#define VMB_HV_MSR_EOM            0x40000084u
#define VMB_HV_MSR_SINT0          0x40000090u
/** @} */

/** @name ARM64: VP registers, for HvGetVpRegisters and HvSetVpRegisters. @{ */
#define VMB_HV_ARM64_GUEST_OS_ID    0x00090002u
#define VMB_HV_ARM64_VP_INDEX       0x00090003u
#define VMB_HV_ARM64_TIME_REF_COUNT 0x00090004u
#define VMB_HV_ARM64_REFERENCE_TSC  0x00090017u
#define VMB_HV_ARM64_SINT0          0x000A0000u
#define VMB_HV_ARM64_SCONTROL       0x000A0010u
#define VMB_HV_ARM64_SVERSION       0x000A0011u
#define VMB_HV_ARM64_SIEFP          0x000A0012u /**< Called Sifp in TLFS. */
#define VMB_HV_ARM64_SIMP           0x000A0013u /**< Called Sipp in TLFS. */
#define VMB_HV_ARM64_EOM            0x000A0014u
/** @} */

/** @name Bits of SCONTROL, SIEFP, SIMP and SINT0..15 (TLFS 11.12). @{ */
#define VMB_HV_SCONTROL_ENABLE    1ull
#define VMB_HV_PAGE_ENABLE        1ull /**< Of SIEFP and SIMP. */
#define VMB_HV_SINT_VECTOR_MASK   0xFFull
#define VMB_HV_SINT_ARM64_ID_MASK 0x3FFull
#define VMB_HV_SINT_MASKED        (1ull << 16)
#define VMB_HV_SINT_AUTO_EOI      (1ull << 17) /**< Not on ARM64. */
#define VMB_HV_SINT_POLLING       (1ull << 18) /**< Unmasked, but raises no interrupt. */
#define VMB_HV_SINT_RESET         VMB_HV_SINT_MASKED
#define VMB_HV_SINT_VECTOR_MIN    16u /**< Lower vectors of an unmasked SINT fault. */
#define VMB_HV_SVERSION_1         1ull
/** @} */

/**
 * SIMP or SIEFP with its page switched on.
 *
 * If the register says that the page is on already (firmware, a paravisor), use that page and write
 * nothing.
 *
 * @param page  Page aligned, of this VP alone.
 *
 * Context: any. TLFS 11.12.2, 11.12.3.
 */
uint64_t vmb_hv_page_on(uint64_t current, vmb_gpa page);

/**
 * SIMP or SIEFP with its page switched off; the address stays.
 *
 * Context: any.
 */
uint64_t vmb_hv_page_off(uint64_t current);

/**
 * The page that SIMP or SIEFP names, or 0 if it is off.
 *
 * Context: any.
 */
vmb_gpa vmb_hv_page_gpa(uint64_t current);

/**
 * A SINT that interrupts: unmasked, not polled. It must be masked when this is written.
 *
 * @param vector    VMB_HV_SINT_VECTOR_MIN to 255.
 * @param auto_eoi  vmb_hv_features.use_auto_eoi. True: the handler must not EOI; false: it must.
 *
 * Context: any. TLFS 11.12.4.
 */
uint64_t vmb_hv_sint_on(uint64_t current, uint32_t vector, bool auto_eoi);

/**
 * The same on ARM64, where a SINT has the number of a GIC interrupt and no auto-EOI.
 *
 * @param interrupt_id  At most 1023.
 *
 * Context: any. TLFS 11.12.4.
 */
uint64_t vmb_hv_sint_on_arm64(uint64_t current, uint32_t interrupt_id);

/**
 * A SINT masked, all else as it was.
 *
 * Context: any.
 */
uint64_t vmb_hv_sint_off(uint64_t current);

/**
 * SCONTROL with the SynIC on. Write it whatever was read: hypervisors differ in its reset value.
 *
 * Context: any. TLFS 11.12.1.
 */
uint64_t vmb_hv_scontrol_on(uint64_t current);

/**
 * SCONTROL with the SynIC off.
 *
 * Context: any.
 */
uint64_t vmb_hv_scontrol_off(uint64_t current);

VMB_END_DECLS

#endif /* VMB_HV_REGISTERS_H */
