#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A Linux that we did not write, with its root on our VMBus disk: it writes a tree, flushes, moves
# the disk's channels about under load, discards, restarts, and finds every byte. KERNEL=6.1 or 6.12.
# --short writes and moves less. What is checked is in disk-init and disk-l1.
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
files=300 moves=1000
if [[ ${1-} == --short ]]; then files=40 moves=50; fi
log=build-interop/logs/disk-$kernel.log
work=$(mktemp -d "${TMPDIR:-/tmp}/vmbus-disk.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$build/vmbus" vm --help >/dev/null 2>&1 || die "$build/vmbus has no vm; install acpica-tools, run make"
[[ -f $build/vmbus-guest.elf ]] || examples/bare-metal/build.sh "$build"
part_linux "$kernel"
need mke2fs e2fsprogs
mkdir -p "${log%/*}" "$work/initrd" "$work/root"/{bin,dev,proc,sys,tmp}

cp "$here/disk-initrd" "$work/initrd/init"
pack "$work/initrd" "$work/init.gz"
cat "$linux/base.cpio.gz" "$work/init.gz" >"$work/initrd.gz"

cp "$(command -v busybox)" "$work/root/bin/"
for name in $(busybox --list); do
    [[ $name == busybox ]] || ln -s busybox "$work/root/bin/$name"
done
cc -static -O2 -o "$work/root/bin/scsi" tests/interop/scsi.c
cp "$here/disk-init" "$work/root/init"
printf 'FILES=%d\nMOVES=%d\n' "$files" "$moves" >"$work/root/parameters"
mke2fs -q -t ext4 -d "$work/root" -E root_owner=0:0 "$work/root.img" 96M

remote=()
if command -v qemu-nbd qemu-img >/dev/null; then
    qemu-img create -q -f qcow2 "$work/remote.qcow2" 8M
    remote=(--add "$(command -v qemu-nbd)" --add "$work/remote.qcow2")
fi

status=0
"$here/nested.sh" "${remote[@]}" --add "$build/vmbus" --add "$linux/vmlinuz" --add "$work/initrd.gz=initrd" \
    --add "$work/root.img" --add "$build/vmbus-guest.elf" --add "$here/disk-l1" --timeout "${TIMEOUT:-600}" -- \
    disk-l1 "${CPUS:-2}" | sed -u 's/\r//g' | tee "$log" || status=$?
passed=$(grep -c '^ok: ' "$log" || true)
failed=$(grep -c '^FAILED: ' "$log" || true)
if ((status != 0)); then
    say "the rig failed with $status"
    failed=$((failed + 1))
fi
printf 'Linux %s on our disk: %d passed, %d failed\n' "$kernel" "$passed" "$failed"
((failed == 0 && passed != 0))
