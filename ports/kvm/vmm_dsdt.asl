/* SPDX-License-Identifier: MIT */
/*
 * The namespace of the machine that `vmbus vm` is: a serial port, a clock, and VMBus.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "VMBUS ", "LIBVMBUS", 0x00000001)
{
    /* The value for SLP_TYP that powers the machine off; see vmm_power.h. */
    Name (\_S5, Package (0x04) { 0x05, 0x05, 0x00, 0x00 })

    Scope (\_SB)
    {
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 0x01)
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
                IRQNoFlags () { 4 }
            })
        }

        Device (RTC0)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 0x00, 0x02)
            })
        }

        /* As on Hyper-V, VMBus is within a module device, which says which addresses are theirs. */
        Device (VMOD)
        {
            Name (_HID, "ACPI0004")
            Name (_UID, 0x00)
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x00000000, 0xE0000000, 0xFBFFFFFF, 0x00000000, 0x1C000000)
            })

            Device (VMBS)
            {
                Method (_HID, 0, NotSerialized) { Return ("VMBUS") }
                Name (_UID, 0x00)
                Name (_STA, 0x0F)
                Name (_DDN, "VMBus")
            }
        }
    }
}
