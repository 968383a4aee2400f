#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The nested rig keeps its word: exit status, output, files in and back, time-out, plain errors.
set -euo pipefail
cd "$(dirname "$0")/../.."

rig=scripts/interop/nested.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# expect WHAT STATUS TEXT COMMAND...: exit status, and a line of what it says (both streams).
expect() {
    local what=$1 wanted=$2 text=$3 status=0
    shift 3
    "$@" >"$work/said" 2>&1 </dev/null || status=$?
    if ((status == wanted)) && grep -Fq -- "$text" "$work/said"; then
        printf 'ok: %s\n' "$what"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s: status %d, wanted %d and "%s"\n' "$what" "$status" "$wanted" "$text"
        sed 's/^/    /' "$work/said"
        failed=$((failed + 1))
    fi
}

echo "a file" >"$work/in"
printf '#!/bin/sh\ncat in; echo back >out; exit 7\n' >"$work/program"
chmod +x "$work/program"

export NESTED=always # Where the machine could do without, too.
expect "status, output, a file in" 7 "a file" \
    "$rig" --add "$work/in" --add "$work/program" --get out --get none --to "$work" -- program
expect "a file back" 0 "back" cat "$work/out"
expect "KVM is there, libraries too" 0 "KVM has it" "$rig" --add /bin/true=dynamic -- \
    sh -c './dynamic && [ -c /dev/kvm ] && grep -q kvm_amd /proc/modules && echo KVM has it'
expect "arguments with spaces and quotes" 0 "it's [a  b]" "$rig" -- echo "it's [a  b]"
expect "time-out" 124 "no end after 9 s" "$rig" --timeout 9 -- sleep 1000
expect "a dead machine in the middle" 125 "died before the command ended" \
    "$rig" --timeout 60 -- reboot -f
expect "no such command" 127 "not found" "$rig" -- no-such-command
expect "a file that is not there" 125 "no such file" "$rig" --add "$work/none" -- true
expect "an option that is none" 125 "no such option: --nope" "$rig" --nope
expect "no command" 125 "no command" "$rig"
expect "an unknown QEMU" 125 "7.2 (Debian bookworm) or 10.0" "$rig" --qemu 3.1 -- true
mkdir "$work/empty"
for tool in bash dirname mktemp rm mkdir sed cat; do ln -s "$(command -v $tool)" "$work/empty/"; done
expect "no QEMU on the machine" 125 "apt-get install -y --no-install-recommends qemu-system-x86" \
    env PATH="$work/empty" "$rig" -- true
unset NESTED
expect "where" 0 "e" "$rig" --where # here or nested

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
