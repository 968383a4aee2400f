#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Our guest against a host that we did not write: build/vmbus-guest.elf under QEMU's VMBus.
#
# Checks what the guest says on its way: version, offers, channels, unload, power-off; with 1 VP, and
# with 4 that end their interrupts themselves. QEMU=7.2 has a bus without devices; QEMU=10.0 (the other one that Debian 12 knows) has
# dynamic memory, a real channel. QEMU="7.2 10.0", the default, is both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

image=${1:-build/vmbus-guest.elf}
logs=build-interop/logs
passed=0 failed=0

[[ -f $image ]] || examples/bare-metal/build.sh "$(dirname "$image")"
mkdir -p "$logs"

# check WHAT LOG REGEX: one line of LOG must match.
check() {
    if grep -Eq -- "$3" "$2"; then
        printf 'ok: %s\n' "$1"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s: no line like: %s\n' "$1" "$3"
        failed=$((failed + 1))
    fi
}

# check_none WHAT LOG REGEX: no line of LOG may match.
check_none() {
    if grep -E -- "$3" "$2"; then
        printf 'FAILED: %s\n' "$1"
        failed=$((failed + 1))
    else
        printf 'ok: %s\n' "$1"
        passed=$((passed + 1))
    fi
}

# check_count WHAT LOG COUNT REGEX: as many lines of LOG match.
check_count() {
    if (($(grep -Ec -- "$4" "$2") == $3)); then
        printf 'ok: %s\n' "$1"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s: not %d lines like: %s\n' "$1" "$3" "$4"
        failed=$((failed + 1))
    fi
}

check_bus() { # NAME LOG VPS OFFERS EOI
    check "$1: $3 VPs online" "$2" "^vmbus: $3 of $3 CPUs online$"
    check "$1: end of interrupt" "$2" "^vmbus: hypercall page up, .* $5 EOI$"
    check "$1: version negotiated" "$2" '^vmbus: connected, version 4\.0$'
    check "$1: all offers delivered" "$2" "^vmbus: all offers delivered: $4$"
    check "$1: clean unload" "$2" '^vmbus: unload: success$'
    check "$1: every page came back" "$2" '^vmbus: left the bus: success, 0 pages missing$'
    check "$1: no odd messages, no leaks" "$2" \
        '^vmbus: messages: [1-9][0-9]* received, [1-9][0-9]* posted, 0 odd; pages leaked: 0$'
    check "$1: power off" "$2" '^vmbus: power off$'
    check "$1: QEMU ended well" "$2" '^l2-guest: status 0$'
    check_none "$1: no panic, error or warning" "$2" 'panic|exception|\[error\]|\[warning\]|cannot'
}

check_balloon() { # NAME LOG VPS
    check "$1: balloon offered" "$2" '^vmbus: offer balloon, relid [0-9]+, instance '
    check "$1: open on the last VP" "$2" "^vmbus: open balloon, relid [0-9]+, vp $(($3 - 1))$"
    check "$1: closed, GPADL torn down" "$2" '^vmbus: close balloon: success$'
    check_count "$1: opened again" "$2" 2 '^vmbus: open balloon'
    check_count "$1: talked again" "$2" 2 '^vmbus: balloon: capabilities accepted$'
    check "$1: packets both ways" "$2" '^vmbus: balloon: version 2\.0 accepted$'
    check "$1: the last VP took the interrupts" "$2" \
        "^vmbus: vp $(($3 - 1)): [1-9][0-9]* interrupts, [1-9][0-9]* events, 0 stray"
}

run() { # QEMU VPS
    local name="QEMU $1, $2 VPs" log=$logs/guest-$1-$2.log status=0
    local devices=() offers=0 more='' eoi=automatic
    (($2 == 1)) || more=hv-avic eoi=explicit
    [[ $1 == 7.2 ]] || devices=(-device 'hv-balloon,id=balloon' -append reopen) offers=1
    printf '== %s\n' "$name"
    "$here/nested.sh" --qemu "$1" --add "$image=vmbus-guest.elf" --add "$here/l2-guest" \
        --timeout 240 -- env HV_MORE="$more" l2-guest "$2" 180 "${devices[@]}" | tee "$log" || status=$?
    sed -i 's/\r$//' "$log"
    ((status == 0)) || printf 'the rig failed with %d\n' "$status"
    check_bus "$name" "$log" "$2" "$offers" "$eoi"
    ((offers == 0)) || check_balloon "$name" "$log" "$2"
}

for version in ${QEMU:-7.2 10.0}; do
    run "$version" 1
    run "$version" 4
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
