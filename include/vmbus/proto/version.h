/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Protocol versions, and the feature flags that the newest one negotiates besides.
 *
 * A version is one 32-bit number, major in the high half, minor in the low half, so that versions
 * compare as numbers. 0 stands for "nothing negotiated yet".
 */
#ifndef VMB_PROTO_VERSION_H
#define VMB_PROTO_VERSION_H

#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Nothing negotiated yet. Below every version. */
#define VMB_VERSION_NONE 0u

#define VMB_VERSION_0_13 0x0000000Du /**< Server 2008: the base. */
#define VMB_VERSION_1_1  0x00010001u /**< Own event connection; UnloadComplete. */
#define VMB_VERSION_2_4  0x00020004u /**< Any target VP; sub-channels. */
#define VMB_VERSION_3_0  0x00030000u /**< Messages to any VP; reconnect. */
#define VMB_VERSION_4_0  0x00040000u /**< Reserved channels; hv_sock. */
#define VMB_VERSION_4_1  0x00040001u /**< ModifyChannel, unanswered. */
#define VMB_VERSION_5_0  0x00050000u /**< Message connection id negotiated. */
#define VMB_VERSION_5_1  0x00050001u /**< VTL in InitiateContact. */
#define VMB_VERSION_5_2  0x00050002u /**< Silo GUID in TlConnectRequest. */
#define VMB_VERSION_5_3  0x00050003u /**< ModifyChannelResponse. */
#define VMB_VERSION_6_0  0x00060000u /**< Feature flags. */

/** The newest version that this library speaks. */
#define VMB_VERSION_NEWEST         VMB_VERSION_6_0

#define VMB_VERSION_MAJOR(version) ((uint32_t)(version) >> 16)
#define VMB_VERSION_MINOR(version) ((uint32_t)(version)&0xFFFFu)

/* Features: asked for in InitiateContact, granted in VersionResponse, both from 6.0 on. */

/** OpenChannel names the connection and the event flag that the guest wishes. */
#define VMB_FEATURE_SIGNAL_PARAMETERS 0x00000001u
/** OpenChannel may send the host's interrupts to a paravisor. */
#define VMB_FEATURE_INTERRUPT_REDIRECT 0x00000002u
/** Messages 25 and 26. */
#define VMB_FEATURE_MODIFY_CONNECTION 0x00000004u
/** InitiateContact carries a GUID that names the client. */
#define VMB_FEATURE_CLIENT_ID 0x00000008u
/** Offer flags 0x2 and 0x4 say what must be confidential. */
#define VMB_FEATURE_CONFIDENTIAL 0x00000010u
/** Messages 27 to 29. */
#define VMB_FEATURE_PAUSE_RESUME 0x00000020u
/** The host supplies the monitor pages. */
#define VMB_FEATURE_HOST_MONITOR_PAGES 0x00000040u
/** Offer flag 0x8 says that memory must be pinned. */
#define VMB_FEATURE_PINNING 0x00000080u

/** Every feature that this library knows. */
#define VMB_FEATURE_ALL 0x000000FFu

/**
 * The next version to try: the highest known one below @p version.
 *
 * Begin with UINT32_MAX for the newest of all, or with the version just refused.
 *
 * @return A known version, or VMB_VERSION_NONE when there is none below.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint32_t vmb_version_next_lower(uint32_t version);

/**
 * Whether this is one of the versions above; a host refuses the others.
 *
 * Context: isr-ok; any number of callers at once.
 */
bool vmb_version_known(uint32_t version);

/**
 * A version as people write it, such as "5.3".
 *
 * @return A constant string, never NULL; "?" for a version that is not known.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_version_name(uint32_t version);

/**
 * The name of one feature bit, such as "client-id".
 *
 * @param feature  One VMB_FEATURE_ bit.
 *
 * @return A constant string, never NULL; "?" for none or several bits, or an unknown one.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_feature_name(uint32_t feature);

VMB_END_DECLS

#endif /* VMB_PROTO_VERSION_H */
