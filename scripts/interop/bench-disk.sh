#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Our disk beside virtio-blk under QEMU: the same Linux on both, the same image on tmpfs, in the same
# machine at the same time, measured in turn. ROUNDS (7), TIME (3: seconds of each measurement),
# TESTS ("r1 r32 w32 R8 W8", see tests/interop/diskbench.c), QEMU (7.2), QEMU_DRIVE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=scripts/interop/debian.sh
. "$here/debian.sh"
# shellcheck source=scripts/interop/parts.sh
. "$here/parts.sh"
# shellcheck source=scripts/interop/host-linux.sh
. "$here/host-linux.sh"

build=${BUILD:-build}
kernel=${KERNEL:-6.1}
rounds=${ROUNDS:-7}
time=${TIME:-3}
read -ra tests <<<"${TESTS:-r1 r32 w32 R8 W8}"
log="build-interop/logs/bench-disk.log"
work=$(mktemp -d "${TMPDIR:-/tmp}/vmbus-bench-disk.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The other disk's drivers, for insmod in this order.
make_virtio() {
    local out=$1 suite=$2 tree=$1/tree name
    debian_unpack_one "$tree" "$suite" "$(debian_kernel "$suite")"
    mkdir -p "$out/modules/lib/modules/kernel"
    for name in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
        linux_copy_module "$tree" "$out/modules" "$name"
        [[ ! -e $out/modules/lib/modules/kernel/$name.ko ]] || echo "$name.ko" >>"$out/order"
    done
    mv "$out/modules/lib/modules/kernel"/*.ko "$out/"
    rm -rf "$tree" "$out/modules"
}

part_linux "$kernel"
once "linux-$kernel-virtio" make_virtio "$(linux_suite "$kernel")"
mkdir -p "${log%/*}" "$work/root/bin" "$work/root/virtio"
cp "$here/bench-disk-init" "$work/root/init"
cp "$interop_cache/linux-$kernel-virtio"/* "$work/root/virtio/"
cc -static -O2 -o "$work/root/bin/diskbench" tests/interop/diskbench.c
pack "$work/root" "$work/init.gz"
cat "$linux/base.cpio.gz" "$work/init.gz" >"$work/initrd"

# The emulated TSCs agree, but L1 does not believe it and takes another clock: then guests of ours
# leave at each look at theirs, and those of QEMU, which have a clock of KVM's, do not.
L1_WORDS=tsc=reliable "$here/nested.sh" --qemu "${QEMU:-7.2}" --add "$build/vmbus" --add "$linux/vmlinuz" \
    --add "$work/initrd" --add "$here/bench-disk-l1" --cpus "${L1_CPUS:-3}" --memory 2560 \
    --timeout "${TIMEOUT:-1200}" -- env "QEMU_DRIVE=${QEMU_DRIVE:-cache=writeback,aio=io_uring}" \
    "CPUS=${CPUS:-1}" sh bench-disk-l1 "$rounds" "$time" "${tests[@]}" |
    sed -u 's/\r//g' | tee "$log" >&2
"$here/bench-disk-report" "$log"
