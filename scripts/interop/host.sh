#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Guests that we did not write on our host: an unmodified Linux on `vmbus vm`, and our own guest.
#
# KERNEL=6.1 (the default) or 6.12, as Debian 12 and its backports have them. --short leaves out what
# takes long, and skips where it cannot run; STEPS names the steps to do. What they are, inside the
# guest and outside, is in host-l1.
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
    steps=${STEPS:-linux retarget=50 revoke=2 reload=2 reboot shutdown bare_metal bare_metal_moves evil=1}
else
    steps=${STEPS:-linux retarget=1000 hotplug=10 reload=50 revoke=10 reboot kexec shutdown bus=5 services bare_metal bare_metal_moves evil=5}
fi
log=build-interop/logs/host-$kernel.log
work=$(mktemp -d "${TMPDIR:-/tmp}/vmbus-host.XXXXXX")
trap 'rm -rf "$work"' EXIT

# skip WHY: what is not here is not a failure of what is tested.
skip() {
    say "skipped: $*"
    printf '0 passed, 0 failed, 1 skipped\n'
    exit
}

if [[ -n $short ]]; then
    "$build/vmbus" vm --help >/dev/null 2>&1 || skip "this vmbus has no vm: not an x86-64 Linux, or no iasl"
    for program in busybox cpio qemu-system-x86_64; do
        command -v "$program" >/dev/null || skip "$program is not installed; see scripts/packages.list"
    done
    command -v apt-get dpkg >/dev/null || skip "no Debian here to take a Linux from"
    # Nothing cached and nobody to ask: not the fault of what is tested either.
    [[ -d $interop_cache/linux-$kernel && -d $interop_cache/l1 && -d $interop_cache/daemons ]] ||
        (debian_apt apt-cache "$(linux_suite "$kernel")" policy >/dev/null) ||
        skip "no mirror of Debian answers, and no Linux is in $interop_cache"
fi
"$build/vmbus" vm --help >/dev/null 2>&1 || die "$build/vmbus has no vm; install acpica-tools, run make"
examples/bare-metal/build.sh "$build"
examples/bare-metal/build.sh "$build" tests/interop/evil evil
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

# run_steps: all of them in an emulated machine; sets status, passed and failed.
run_steps() {
    status=0
    # shellcheck disable=SC2086  # A step a word.
    "$here/nested.sh" --add "$build/vmbus" --add "$build/vmbus-guest.elf" --add "$build/evil.elf" \
        --add "$linux/vmlinuz" --add "$work/initrd" --add "$here/host-l1" --timeout "${TIMEOUT:-900}" -- \
        host-l1 $steps | sed -u 's/\r//g' | tee "$log" || status=$?
    passed=$(grep -c '^ok: ' "$log" || true)
    failed=$(grep -c '^FAILED: ' "$log" || true)
    if ((status != 0)); then
        say "the rig failed with $status"
        failed=$((failed + 1))
    fi
}

# The emulated machine in the middle locks up once in a few dozen runs: then from the start. And it
# loses a guest now and then, whichever: one in twenty that moves its channels without pause dies of
# a triple fault, Linux seldom. So the short list is done once more if anything fails, which the
# output says, and what fails then has failed.
again=${short:+1}
for attempt in 1 2 3; do
    run_steps
    if ((status != 126 && failed > 0)) && [[ -n $again ]]; then
        again=
        say "$failed failed; the short list once more"
    elif ((status != 126)); then
        break
    elif ((attempt < 3)); then
        say "from the start"
    fi
done
printf 'Linux %s on vmbus vm:\n%d passed, %d failed\n' "$kernel" "$passed" "$failed"
((failed == 0))
