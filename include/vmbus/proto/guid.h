/* SPDX-License-Identifier: MIT */
/**
 * @file
 * GUIDs as text, and the device classes that GUIDs name on the bus.
 *
 * A GUID travels as a 32-bit and two 16-bit little-endian numbers and eight bytes; its text shows
 * the numbers, so the first eight bytes of the text are not in the order of the bytes.
 */
#ifndef VMB_PROTO_GUID_H
#define VMB_PROTO_GUID_H

#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" and its terminator. */
#define VMB_GUID_TEXT_BYTES 37u

/**
 * Initializer of a `struct vmb_guid` from the five groups of its text:
 * VMB_GUID_INIT(0xf8615163, 0xdf3e, 0x46c5, 0x913f, 0xf2d2f965ed0e).
 */
#define VMB_GUID_INIT(a, b, c, d, e)                                                               \
    {                                                                                              \
        {                                                                                          \
            VMB_GUID_BYTE(a, 0), VMB_GUID_BYTE(a, 8), VMB_GUID_BYTE(a, 16), VMB_GUID_BYTE(a, 24),  \
                VMB_GUID_BYTE(b, 0), VMB_GUID_BYTE(b, 8), VMB_GUID_BYTE(c, 0),                     \
                VMB_GUID_BYTE(c, 8), VMB_GUID_BYTE(d, 8), VMB_GUID_BYTE(d, 0),                     \
                VMB_GUID_BYTE(e, 40), VMB_GUID_BYTE(e, 32), VMB_GUID_BYTE(e, 24),                  \
                VMB_GUID_BYTE(e, 16), VMB_GUID_BYTE(e, 8), VMB_GUID_BYTE(e, 0)                     \
        }                                                                                          \
    }
#define VMB_GUID_BYTE(number, shift) ((uint8_t)((uint64_t)(number) >> (shift)&0xFFu))

/* Interface GUIDs: what kind of device an offer is. Initializers of `struct vmb_guid`. */
#define VMB_GUID_NETWORK        VMB_GUID_INIT(0xf8615163, 0xdf3e, 0x46c5, 0x913f, 0xf2d2f965ed0e)
#define VMB_GUID_SCSI           VMB_GUID_INIT(0xba6163d9, 0x04a1, 0x4d29, 0xb605, 0x72e2ffb1dc7f)
#define VMB_GUID_IDE            VMB_GUID_INIT(0x32412632, 0x86cb, 0x44a2, 0x9b5c, 0x50d1417354f5)
#define VMB_GUID_FIBRE_CHANNEL  VMB_GUID_INIT(0x2f9bcc4a, 0x0069, 0x4af3, 0xb76b, 0x6fd0be528cda)
#define VMB_GUID_PCI            VMB_GUID_INIT(0x44c4f61d, 0x4444, 0x4400, 0x9d52, 0x802e27ede19f)
#define VMB_GUID_NETWORK_DIRECT VMB_GUID_INIT(0x8c2eaf3d, 0x32a7, 0x4b09, 0xab99, 0xbd1f1c86b501)
#define VMB_GUID_VIDEO          VMB_GUID_INIT(0xda0a7802, 0xe377, 0x4aac, 0x8e77, 0x0558eb1073f8)
#define VMB_GUID_KEYBOARD       VMB_GUID_INIT(0xf912ad6d, 0x2b17, 0x48ea, 0xbd65, 0xf927a61c7684)
#define VMB_GUID_MOUSE          VMB_GUID_INIT(0xcfa8b69e, 0x5b4a, 0x4cc0, 0xb98b, 0x8ba1a1f3f95a)
#define VMB_GUID_SHUTDOWN       VMB_GUID_INIT(0x0e0b6031, 0x5213, 0x4934, 0x818b, 0x38d90ced39db)
#define VMB_GUID_TIMESYNC       VMB_GUID_INIT(0x9527e630, 0xd0ae, 0x497b, 0xadce, 0xe80ab0175caf)
#define VMB_GUID_HEARTBEAT      VMB_GUID_INIT(0x57164f39, 0x9115, 0x4e78, 0xab55, 0x382f3bd5422d)
#define VMB_GUID_KVP            VMB_GUID_INIT(0xa9a0f4e7, 0x5a45, 0x4d96, 0xb827, 0x8a841e8c03e6)
#define VMB_GUID_VSS            VMB_GUID_INIT(0x35fa2e29, 0xea23, 0x4236, 0x96ae, 0x3a6ebacba440)
#define VMB_GUID_FILE_COPY      VMB_GUID_INIT(0x34d14be3, 0xdee4, 0x41c8, 0x9ae7, 0x6b174977c192)
#define VMB_GUID_BALLOON        VMB_GUID_INIT(0x525074dc, 0x8985, 0x46e2, 0x8057, 0xa307dc18a502)
#define VMB_GUID_REMOTE_DESKTOP VMB_GUID_INIT(0x276aacf4, 0xac15, 0x426c, 0x98dd, 0x7521ad3f01fe)
#define VMB_GUID_ACTIVATION     VMB_GUID_INIT(0xf8e65716, 0x3cb3, 0x4a06, 0x9a60, 0x1889c5cccab5)
#define VMB_GUID_ACTIVATION_2   VMB_GUID_INIT(0x3375baf4, 0x9e15, 0x4b30, 0xb765, 0x67acb10d607b)
#define VMB_GUID_MACHINE_CONFIG VMB_GUID_INIT(0xc376c1c3, 0xd276, 0x48d2, 0x90a9, 0xc04748072c60)
#define VMB_GUID_SERIAL         VMB_GUID_INIT(0x8b60ccf6, 0x709f, 0x4c11, 0x90b5, 0x229c959a9e6a)
#define VMB_GUID_EMULATION      VMB_GUID_INIT(0x8dedd1aa, 0x9056, 0x49e4, 0xbfd6, 0x1bf90dc38ef0)
#define VMB_GUID_EMULATION_LOG  VMB_GUID_INIT(0xaa5de534, 0xd149, 0x487a, 0x9053, 0x05972ba20a7c)
#define VMB_GUID_CRASH_DUMP     VMB_GUID_INIT(0x427b03e7, 0x4ceb, 0x4286, 0xb5fc, 0x486f4a1dd439)
/** This project's own device, which echoes, swallows or makes packets to test and to measure. */
#define VMB_GUID_TRAFFIC VMB_GUID_INIT(0xffa09cd8, 0xaf47, 0x45d6, 0x9117, 0xfb4bfba71885)

/* Instance GUIDs of devices of which a machine has one. As current hosts use them. */
#define VMB_INSTANCE_VIDEO    VMB_GUID_INIT(0x5620e0c7, 0x8062, 0x4dce, 0xaeb7, 0x520c7ef76171)
#define VMB_INSTANCE_KEYBOARD VMB_GUID_INIT(0xd34b2567, 0xb9b6, 0x42b9, 0x8778, 0x0a4ec0b955bf)
#define VMB_INSTANCE_MOUSE    VMB_GUID_INIT(0x58f75a6d, 0xd949, 0x4320, 0x99e1, 0xa2a2576d581c)
#define VMB_INSTANCE_SHUTDOWN VMB_GUID_INIT(0xb6650ff7, 0x33bc, 0x4840, 0x8048, 0xe0676786f393)
#define VMB_INSTANCE_TIMESYNC VMB_GUID_INIT(0x2dd1ce17, 0x079e, 0x403c, 0xb352, 0xa1921ee207ee)
#define VMB_INSTANCE_KVP      VMB_GUID_INIT(0x242ff919, 0x07db, 0x4180, 0x9c2e, 0xb86cb68c8c55)
#define VMB_INSTANCE_VSS      VMB_GUID_INIT(0x2450ee40, 0x33bf, 0x4fbd, 0x892e, 0x9fb06e9214cf)

/** Whether Linux opens sub-channels for the class and spreads its channels over the VPs. */
#define VMB_CLASS_TRAIT_SPREADS 0x1u
/** Whether the class frames its payloads with a pipe header. */
#define VMB_CLASS_TRAIT_PIPE 0x2u

/** X(NAME, name in texts, traits). The GUID of class NAME is VMB_GUID_NAME. */
#define VMB_CLASS_MAP(X)                                                                           \
    X(NETWORK, "network", VMB_CLASS_TRAIT_SPREADS)                                                 \
    X(SCSI, "scsi", VMB_CLASS_TRAIT_SPREADS)                                                       \
    X(IDE, "ide", VMB_CLASS_TRAIT_SPREADS)                                                         \
    X(FIBRE_CHANNEL, "fibre-channel", VMB_CLASS_TRAIT_SPREADS)                                     \
    X(PCI, "pci", VMB_CLASS_TRAIT_SPREADS)                                                         \
    X(NETWORK_DIRECT, "network-direct", VMB_CLASS_TRAIT_SPREADS)                                   \
    X(VIDEO, "video", VMB_CLASS_TRAIT_PIPE)                                                        \
    X(KEYBOARD, "keyboard", 0u)                                                                    \
    X(MOUSE, "mouse", VMB_CLASS_TRAIT_PIPE)                                                        \
    X(SHUTDOWN, "shutdown", VMB_CLASS_TRAIT_PIPE)                                                  \
    X(TIMESYNC, "timesync", VMB_CLASS_TRAIT_PIPE)                                                  \
    X(HEARTBEAT, "heartbeat", VMB_CLASS_TRAIT_PIPE)                                                \
    X(KVP, "kvp", VMB_CLASS_TRAIT_PIPE)                                                            \
    X(VSS, "vss", VMB_CLASS_TRAIT_PIPE)                                                            \
    X(FILE_COPY, "file-copy", VMB_CLASS_TRAIT_PIPE)                                                \
    X(BALLOON, "balloon", 0u)                                                                      \
    X(REMOTE_DESKTOP, "remote-desktop", 0u)                                                        \
    X(ACTIVATION, "activation", 0u)                                                                \
    X(ACTIVATION_2, "activation-2", 0u)                                                            \
    X(MACHINE_CONFIG, "machine-config", 0u)                                                        \
    X(SERIAL, "serial", 0u)                                                                        \
    X(EMULATION, "emulation", 0u)                                                                  \
    X(EMULATION_LOG, "emulation-log", 0u)                                                          \
    X(CRASH_DUMP, "crash-dump", 0u)                                                                \
    X(TRAFFIC, "libvmbus traffic", 0u)

/** A device class that this library can name. Not a number of the wire. */
enum vmb_class {
    VMB_CLASS_UNKNOWN = 0,
#define VMB_CLASS_ENUM(name, text, traits) VMB_CLASS_##name,
    VMB_CLASS_MAP(VMB_CLASS_ENUM)
#undef VMB_CLASS_ENUM
    /** Any GUID of the form PPPPPPPP-facb-11e6-bd58-64006a7986d3, P being a port. */
    VMB_CLASS_HVSOCK
};

/**
 * Whether two GUIDs are the same.
 *
 * Context: isr-ok; any number of callers at once.
 */
bool vmb_guid_equal(const struct vmb_guid *left, const struct vmb_guid *right);

/**
 * Whether a GUID is all zeros.
 *
 * Context: isr-ok; any number of callers at once.
 */
bool vmb_guid_is_zero(const struct vmb_guid *guid);

/**
 * Read a GUID from text: 8-4-4-4-12 hexadecimal digits, of either case, bare or in braces.
 *
 * @param text      Terminated; nothing may follow the GUID. Not NULL.
 * @param out_guid  Written on VMB_OK only.
 *
 * @retval VMB_OK                    It is one.
 * @retval VMB_ERR_INVALID_ARGUMENT  It is not: tell whoever wrote it.
 *
 * Context: isr-ok; any number of callers at once. Reads at most 39 characters.
 */
VMB_NODISCARD vmb_status vmb_guid_parse(const char *text, struct vmb_guid *out_guid);

/**
 * Write a GUID as text, lower case, without braces, terminated.
 *
 * @param text  VMB_GUID_TEXT_BYTES characters.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_guid_format(const struct vmb_guid *guid, char *text);

/**
 * The class that an interface GUID names.
 *
 * @return VMB_CLASS_UNKNOWN if this library has no name for it; the device may work all the same.
 *
 * Context: isr-ok; any number of callers at once.
 */
enum vmb_class vmb_class_of(const struct vmb_guid *interface_guid);

/**
 * The interface GUID of a class.
 *
 * @return A constant; NULL for VMB_CLASS_UNKNOWN and VMB_CLASS_HVSOCK, which have no one GUID.
 *
 * Context: isr-ok; any number of callers at once.
 */
const struct vmb_guid *vmb_class_guid(enum vmb_class device_class);

/**
 * VMB_CLASS_TRAIT_ bits of a class; 0 for VMB_CLASS_UNKNOWN.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint32_t vmb_class_traits(enum vmb_class device_class);

/**
 * The name of the class that an interface GUID names, such as "network" or "hv_sock".
 *
 * @return A constant string, never NULL; "unknown" if there is none.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_class_name(const struct vmb_guid *interface_guid);

/**
 * Whether a GUID names an hv_sock port (as Linux AF_VSOCK uses them).
 *
 * An hv_sock offer is known by its flag VMB_OFFER_HVSOCK, not by its GUID: other services may be
 * offered with the flag and a GUID of another form, which has no port.
 *
 * @param out_port  Written if the result is true. May be NULL.
 *
 * Context: isr-ok; any number of callers at once.
 */
bool vmb_guid_is_hvsock(const struct vmb_guid *guid, uint32_t *out_port);

/**
 * The service GUID of an hv_sock port.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_guid_from_hvsock(uint32_t port, struct vmb_guid *out_guid);

VMB_END_DECLS

#endif /* VMB_PROTO_GUID_H */
