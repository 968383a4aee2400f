#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The bare-metal port on machines of several kinds, all without Hyper-V: it says so and powers off.
#
# PVH on QEMU's two machine types, with one CPU and with many, with RAM above 4 GiB, with x2APIC or
# without; an exception; GRUB from BIOS and from UEFI. The last two need grub-pc-bin,
# grub-efi-amd64-bin, grub-common, xorriso, mtools and ovmf, and are skipped without.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=$PWD/${1:-build/vmbus-guest.elf}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

[[ -f $image ]] || examples/bare-metal/build.sh "$(dirname "$image")"

# boots WHAT TEXT QEMU-ARGUMENT...: QEMU ends by itself, and a line of the guest is like TEXT.
boots() {
    local what=$1 text=$2 status=0
    shift 2
    timeout 120 qemu-system-x86_64 -accel tcg -display none -nodefaults -no-user-config -no-reboot \
        -serial "file:$work/serial" "$@" </dev/null >"$work/said" 2>&1 || status=$?
    if ((status == 0)) && grep -Eq -- "$text" "$work/serial"; then
        printf 'ok: %s\n' "$what"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s: status %d, no line like: %s\n' "$what" "$status" "$text"
        cat "$work/said" "$work/serial"
        failed=$((failed + 1))
    fi
}

pvh=(-kernel "$image")
boots "pc, 1 CPU" 'guest, [0-9]+ MiB free, 1 CPUs, xAPIC' -m 64 "${pvh[@]}"
boots "pc, power off by ACPI" 'missing: ' -m 64 "${pvh[@]}"
boots "q35, 8 CPUs" 'guest, [0-9]+ MiB free, 8 CPUs, xAPIC' -machine q35 -smp 8 -m 256 "${pvh[@]}" \
    -append start
boots "q35, all 8 run" '8 of 8 CPUs online, 8 answered' -machine q35 -smp 8 -m 256 "${pvh[@]}" -append start
boots "RAM above 4 GiB" 'guest, [56][0-9]{3} MiB free' -m 6144 "${pvh[@]}"
boots "microvm, hardware-reduced ACPI" 'missing: ' -machine microvm,acpi=on -smp 2 -m 256 \
    "${pvh[@]}"
boots "an exception is told" 'exception 14 error 2 on cpu 0' -m 64 "${pvh[@]}" -append fault
boots "a stack that ran out is told" 'exception (8|14) ' -m 64 "${pvh[@]}" -append overflow

make_iso() {
    mkdir -p "$work/iso/boot/grub"
    cp "$image" "$work/iso/boot/vmbus-guest.elf"
    printf '%s\n' 'multiboot2 /boot/vmbus-guest.elf start' boot >"$work/iso/boot/grub/grub.cfg"
    grub-mkrescue -o "$work/grub.iso" "$work/iso" >"$work/mkrescue" 2>&1
}

ovmf=/usr/share/OVMF/OVMF_CODE.fd
if [[ -f $ovmf && -d /usr/lib/grub/i386-pc && -d /usr/lib/grub/x86_64-efi ]] &&
    command -v grub-mkrescue xorriso mformat >/dev/null && make_iso; then
    boots "GRUB from BIOS" '2 of 2 CPUs online, 2 answered' -smp 2 -m 256 -cdrom "$work/grub.iso"
    boots "GRUB from UEFI" '2 of 2 CPUs online, 2 answered' -machine q35 -smp 2 -m 512 -vga std \
        -drive "if=pflash,format=raw,readonly=on,file=$ovmf" -cdrom "$work/grub.iso"
else
    skipped=2
fi

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0))
