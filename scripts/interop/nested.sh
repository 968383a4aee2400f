#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Run a command where /dev/kvm has Hyper-V's SynIC, on any x86-64 machine.
#
# Where this machine's own KVM has it, that is here. Elsewhere it is L1: a Debian kernel under QEMU's
# emulation of a CPU with AMD's virtualisation, whose KVM has everything. Guests that the command
# starts are L2. No hardware support, privileges or installed kernel are needed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/interop/debian.sh
. "$here/debian.sh"
# shellcheck source=scripts/interop/parts.sh
. "$here/parts.sh"

usage() {
    cat <<'USAGE'
Usage: nested.sh [OPTION]... [--] COMMAND [ARGUMENT]...

Run COMMAND in a folder with the added files, where /dev/kvm has Hyper-V's SynIC: on this machine,
or else in an emulated one. Its output comes out as it is written; its exit status is the result.

  --add FILE[=NAME]   put FILE into that folder, as NAME; a program's libraries go along
  --get NAME          bring the file NAME back from there, into the folder of --to
  --to FOLDER         where --get puts files (default: the current folder)
  --qemu VERSION      qemu-system-x86_64 on the PATH there: 7.2, 10.0
  --cpus N            CPUs of the emulated machine (default 2)
  --memory MIB        its memory (default 2048)
  --timeout SECONDS   give up after so long (default 300)
  --where             say "here" or "nested" and do nothing
  --help              this text

Exit status: the command's; 124 after a time-out; 125 if the rig itself failed; 126 if the emulated
machine died or locked up: no program in it can be the cause, and it may be tried again.
Environment: NESTED=always never uses this machine's own KVM; VMBUS_INTEROP_CACHE is where parts that
were fetched once are kept (default build-interop); DEBIAN_MIRROR names a mirror; L1_WORDS are added
to the command line of the emulated machine's kernel.

Example: a guest under QEMU's VMBus host
  nested.sh --qemu 7.2 --add build/vmbus-guest.elf -- qemu-system-x86_64 -accel kvm ...
USAGE
}

# True if this machine's KVM answers KVM_CHECK_EXTENSION(KVM_CAP_HYPERV_SYNIC2).
kvm_has_synic() {
    [[ ${NESTED-} != always && -r /dev/kvm && -w /dev/kvm ]] || return 1
    command -v python3 >/dev/null || return 1
    python3 - 2>/dev/null <<'PYTHON'
import fcntl, os
KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2 = 0xAE03, 148
kvm = os.open("/dev/kvm", os.O_RDWR)
raise SystemExit(fcntl.ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2) <= 0)
PYTHON
}

add=() get=() to=. qemu_version='' cpus=2 memory=2048 timeout=300 where=''
while (($#)); do
    case $1 in
    --add | --get | --to | --qemu | --cpus | --memory | --timeout)
        (($# >= 2)) || die "$1 wants a value; see --help"
        ;;&
    --add) add+=("$2") && shift 2 ;;
    --get) get+=("$2") && shift 2 ;;
    --to) to=$2 && shift 2 ;;
    --qemu) qemu_version=$2 && shift 2 ;;
    --cpus) cpus=$2 && shift 2 ;;
    --memory) memory=$2 && shift 2 ;;
    --timeout) timeout=$2 && shift 2 ;;
    --where) where=1 && shift ;;
    --help) usage && exit ;;
    --) shift && break ;;
    -*) die "no such option: $1; see --help" ;;
    *) break ;;
    esac
done

if [[ -n $where ]]; then
    if kvm_has_synic; then echo here; else echo nested; fi
    exit
fi
(($#)) || die "no command; see --help"

work=$(mktemp -d "${TMPDIR:-/tmp}/vmbus-nested.XXXXXX")
trap 'rm -rf "$work"' EXIT
job=$work/root/job
mkdir -p "$job"

# The libraries that a program names, at their own places.
add_libraries() {
    local library
    while read -r library; do
        mkdir -p "$work/root$(dirname "$library")"
        cp -L -u "$library" "$work/root$library"
    done < <(ldd "$1" 2>/dev/null | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p')
}

for entry in "${add[@]}"; do
    file=${entry%%=*}
    name=$(basename "${entry#*=}")
    [[ -e $file ]] || die "--add $file: no such file"
    cp -rL "$file" "$job/$name"
done
[[ -z $qemu_version ]] || part_qemu "$qemu_version"

run_here() {
    local status=0
    (
        cd "$job"
        export PATH=$job${qemu:+:$qemu/qemu/bin}:$PATH
        exec timeout -k 5 "$timeout" "$@" </dev/null
    ) || status=$?
    for name in "${get[@]}"; do
        [[ ! -e $job/$name ]] || cp -r "$job/$name" "$to/"
    done
    return "$status"
}

run_nested() {
    local status=0 ended archives
    need qemu-system-x86_64 qemu-system-x86
    part_l1
    for entry in "${add[@]}"; do add_libraries "${entry%%=*}"; done
    cp "$here/l1-init" "$work/root/init"
    printf '%q ' "$@" >"$job/.command"
    printf '%s' "${get[@]/%/$'\n'}" >"$job/.get"
    pack "$work/root" "$work/job.cpio.gz"
    archives=("$l1/base.cpio.gz" ${qemu:+"$qemu/qemu.cpio.gz"} "$work/job.cpio.gz")
    cat "${archives[@]}" >"$work/initrd" # The kernel unpacks one after the other.
    : >"$work/back"
    timeout -k 5 "$timeout" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,+svm -machine q35 \
        -smp "$cpus" -m "$memory" -display none -vga none -nodefaults -no-user-config -no-reboot \
        -serial stdio -serial "file:$work/back" -kernel "$l1/vmlinuz" -initrd "$work/initrd" \
        -append "console=ttyS0 rdinit=/init panic=-1 softlockup_panic=1 watchdog_thresh=30 mitigations=off quiet \
loglevel=3 ${L1_WORDS-}" \
        </dev/null || status=$?
    if ((status == 124 || status == 137)); then
        say "no end after $timeout s"
        return 124
    fi
    ended=$status
    read -r _ status < <(head -n 1 "$work/back" | tr -d '\0') || true
    if [[ ! $status =~ ^[0-9]+$ || ! -s $work/back ]]; then
        say "the machine in the middle died before the command ended; QEMU's status is $ended"
        return 126
    fi
    if ((${#get[@]})); then
        tail -n +2 "$work/back" | tar -x -C "$to" -f - || say "not all files came back"
    fi
    return "$status"
}

status=0
if kvm_has_synic; then
    run_here "$@" || status=$?
else
    run_nested "$@" || status=$?
fi
exit "$status"
