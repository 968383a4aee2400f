#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Guests that we did not write on our host: an unmodified Linux on `vmbus vm`, and our own guest.
#
# KERNEL=6.1 (the default) or 6.12, as Debian 12 and its backports have them. --short leaves out what
# takes long; STEPS names the steps to do. What they are, inside the guest and outside, is in host-l1.
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
short=${1-}
if [[ -n $short ]]; then
    steps=${STEPS:-linux retarget=50 revoke=2 shutdown bare_metal}
else
    steps=${STEPS:-linux retarget=1000 hotplug=10 reload=50 revoke=10 reboot kexec shutdown bus=5 services bare_metal bare_metal_moves}
fi
log=build-interop/logs/host-$kernel.log
work=$(mktemp -d "${TMPDIR:-/tmp}/vmbus-host.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$build/vmbus" vm --help >/dev/null 2>&1 || die "$build/vmbus has no vm; install acpica-tools, run make"
[[ -f $build/vmbus-guest.elf ]] || examples/bare-metal/build.sh "$build"
part_linux "$kernel"
part_daemons
mkdir -p "${log%/*}" "$work/root/bin"

# The guest's root: the fixed part, our init, and the same once more for kexec.
cp scripts/interop/host-init "$work/root/init"
cc -static -O2 -o "$work/root/bin/kexec" tests/interop/kexec.c
pack "$work/root" "$work/init.gz"
cat "$linux/base.cpio.gz" "$daemons/daemons.cpio.gz" "$work/init.gz" >"$work/initrd"
if [[ -z $short ]]; then
    cp "$linux/vmlinuz" "$work/root/kernel"
    cp "$work/initrd" "$work/root/kernel-initrd"
    pack "$work/root" "$work/init.gz"
    cat "$linux/base.cpio.gz" "$daemons/daemons.cpio.gz" "$work/init.gz" >"$work/initrd"
fi

status=0
# shellcheck disable=SC2086  # A step a word.
"$here/nested.sh" --add "$build/vmbus" --add "$build/vmbus-guest.elf" --add "$linux/vmlinuz" \
    --add "$work/initrd" --add "$here/host-l1" --timeout "${TIMEOUT:-900}" -- \
    host-l1 $steps | sed -u 's/\r//g' | tee "$log" || status=$?
passed=$(grep -c '^ok: ' "$log" || true)
failed=$(grep -c '^FAILED: ' "$log" || true)
if ((status != 0)); then
    say "the rig failed with $status"
    failed=$((failed + 1))
fi
printf 'Linux %s: %d passed, %d failed\n' "$kernel" "$passed" "$failed"
((failed == 0))
