/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Is this Hyper-V, and may this partition use VMBus? Answers from CPUID leaves given as numbers.
 */
#ifndef VMB_HV_FEATURES_H
#define VMB_HV_FEATURES_H

#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Where the hypervisor's leaves begin, unless it shares the range with others (TLFS 2.4). */
#define VMB_HV_CPUID_BASE 0x40000000u
/** Where the leaves of the virtualization stack begin. */
#define VMB_HV_CPUID_STACK 0x40000080u

/** @name Partition privileges: bits of vmb_hv_features.privileges (TLFS 4.2.2). @{ */
#define VMB_HV_PRIVILEGE_REFERENCE_COUNTER (1ull << 1)
#define VMB_HV_PRIVILEGE_SYNIC             (1ull << 2)
#define VMB_HV_PRIVILEGE_SYNTHETIC_TIMERS  (1ull << 3)
#define VMB_HV_PRIVILEGE_APIC              (1ull << 4)
#define VMB_HV_PRIVILEGE_HYPERCALL         (1ull << 5)
#define VMB_HV_PRIVILEGE_VP_INDEX          (1ull << 6)
#define VMB_HV_PRIVILEGE_RESET             (1ull << 7)
#define VMB_HV_PRIVILEGE_REFERENCE_TSC     (1ull << 9)
#define VMB_HV_PRIVILEGE_FREQUENCIES       (1ull << 11)
#define VMB_HV_PRIVILEGE_POST_MESSAGES     (1ull << 36)
#define VMB_HV_PRIVILEGE_SIGNAL_EVENTS     (1ull << 37)
#define VMB_HV_PRIVILEGE_VP_REGISTERS      (1ull << 49)
#define VMB_HV_PRIVILEGE_ISOLATION         (1ull << 54)
/** Without one of these there is no VMBus. */
#define VMB_HV_PRIVILEGE_VMBUS                                                                     \
    (VMB_HV_PRIVILEGE_SYNIC | VMB_HV_PRIVILEGE_HYPERCALL | VMB_HV_PRIVILEGE_VP_INDEX |             \
     VMB_HV_PRIVILEGE_POST_MESSAGES | VMB_HV_PRIVILEGE_SIGNAL_EVENTS)
/** @} */

/** @name Features: bits of vmb_hv_features.features. @{ */
#define VMB_HV_FEATURE_FAST_INPUT_XMM  (1u << 4)
#define VMB_HV_FEATURE_GUEST_CRASH     (1u << 10)
#define VMB_HV_FEATURE_FAST_OUTPUT_XMM (1u << 15)
#define VMB_HV_FEATURE_SINT_POLLING    (1u << 17)
#define VMB_HV_FEATURE_CALL_PAGE_LOCK  (1u << 18)
#define VMB_HV_FEATURE_TIMER_DIRECT    (1u << 19)
/** @} */

/** @name Recommendations: bits of vmb_hv_features.recommendations (TLFS 2.4.5). @{ */
#define VMB_HV_RECOMMEND_APIC_REGISTERS (1u << 3)
#define VMB_HV_RECOMMEND_RESET_REGISTER (1u << 4)
#define VMB_HV_RECOMMEND_RELAXED_TIMING (1u << 5)
#define VMB_HV_RECOMMEND_NO_AUTO_EOI    (1u << 9)
#define VMB_HV_RECOMMEND_CLUSTER_IPI    (1u << 10)
#define VMB_HV_RECOMMEND_EX_SETS        (1u << 11)
#define VMB_HV_RECOMMEND_NESTED         (1u << 12)
/** @} */

/** What a guest lacks to use VMBus, or-ed together; 0: nothing. */
enum vmb_hv_missing {
    VMB_HV_MISSING_HYPERVISOR = 1,      /**< No hypervisor at all. */
    VMB_HV_MISSING_VENDOR = 2,          /**< Another one, which does not speak this interface. */
    VMB_HV_MISSING_INTERFACE = 4,       /**< It is not "Hv#1". */
    VMB_HV_MISSING_LEAVES = 8,          /**< It has too few leaves to say what it can do. */
    VMB_HV_MISSING_SYNIC = 16,          /**< No access to the SynIC registers. */
    VMB_HV_MISSING_HYPERCALL = 32,      /**< No access to the hypercall registers. */
    VMB_HV_MISSING_VP_INDEX = 64,       /**< No access to the VP index. */
    VMB_HV_MISSING_POST_MESSAGES = 128, /**< May not post messages. */
    VMB_HV_MISSING_SIGNAL_EVENTS = 256  /**< May not signal events. */
};

/** Who protects the guest's memory from the host (TLFS 2.4.12). */
enum vmb_hv_isolation {
    VMB_HV_ISOLATION_NONE = 0,
    VMB_HV_ISOLATION_VBS = 1,
    VMB_HV_ISOLATION_SNP = 2,
    VMB_HV_ISOLATION_TDX = 3,
    VMB_HV_ISOLATION_CCA = 4
};

/** One CPUID leaf as the instruction left it. */
struct vmb_hv_leaf {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

/**
 * The leaves that matter. Read them all: whatever lies above the highest leaf that the hypervisor
 * names is ignored here, and so is everything if leaf 1 shows no hypervisor.
 */
struct vmb_hv_cpuid {
    struct vmb_hv_leaf processor;       /**< Leaf 1. */
    struct vmb_hv_leaf vendor;          /**< Base + 0. */
    struct vmb_hv_leaf interface;       /**< Base + 1. */
    struct vmb_hv_leaf version;         /**< Base + 2. */
    struct vmb_hv_leaf features;        /**< Base + 3. */
    struct vmb_hv_leaf recommendations; /**< Base + 4. */
    struct vmb_hv_leaf isolation;       /**< Base + 0xC. */
    struct vmb_hv_leaf stack_vendor;    /**< VMB_HV_CPUID_STACK + 0. */
    struct vmb_hv_leaf stack_interface; /**< VMB_HV_CPUID_STACK + 1. */
    struct vmb_hv_leaf stack_features;  /**< VMB_HV_CPUID_STACK + 2. */
};

/** What the leaves say. */
struct vmb_hv_features {
    uint32_t missing; /**< enum vmb_hv_missing, or-ed together. */

    uint32_t build; /**< The hypervisor's version; all 0 if it has no such leaf. */
    uint16_t major;
    uint16_t minor;
    uint32_t service_pack;
    uint8_t service_branch;
    uint32_t service_number;

    uint64_t privileges;      /**< VMB_HV_PRIVILEGE_*. */
    uint32_t features;        /**< VMB_HV_FEATURE_*. */
    uint32_t recommendations; /**< VMB_HV_RECOMMEND_*. */
    bool use_auto_eoi;        /**< Set auto-EOI on SINTs, and then do not EOI (TLFS 11.12.4). */

    enum vmb_hv_isolation isolation;
    bool paravisor;              /**< A paravisor runs below this guest. */
    bool shared_boundary_active; /**< GPAs at and above the boundary are shared. */
    uint8_t shared_boundary_bit; /**< Number of the boundary's bit. */
    bool confidential_vmbus;     /**< The paravisor offers VMBus in private memory. */
};

/**
 * Say what the hypervisor is and whether this guest may use VMBus.
 *
 * @param leaves        As read. If the block at VMB_HV_CPUID_BASE is another vendor's, look for
 *                      ours in steps of 0x100 up to 0x40010000.
 * @param out_features  Always written as far as the leaves go; zero beyond.
 *
 * @retval VMB_OK                 VMBus is there and allowed.
 * @retval VMB_ERR_UNSUPPORTED    Not this hypervisor: out_features->missing says why. Do not touch
 *                                any register of this interface.
 * @retval VMB_ERR_ACCESS_DENIED  It is, but privileges are missing: out_features->missing.
 *
 * Context: any. TLFS 2.4.
 */
VMB_NODISCARD vmb_status vmb_hv_features_decode(const struct vmb_hv_cpuid *leaves,
                                                struct vmb_hv_features *out_features);

/**
 * One bit of `missing` as words for a log.
 *
 * @return A constant string, never NULL.
 *
 * Context: isr-ok.
 */
const char *vmb_hv_missing_text(enum vmb_hv_missing bit);

VMB_END_DECLS

#endif /* VMB_HV_FEATURES_H */
