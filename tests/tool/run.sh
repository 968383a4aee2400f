#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The tool called wrongly: the exit status that its help promises, and a message that names what is
# wrong. No test here starts a machine or takes longer than a moment.
set -euo pipefail
cd "$(dirname "$0")/../.."

tool=$PWD/${BUILD:-build}/vmbus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset VMBUS_CONTROL
passed=0 failed=0

# expect STATUS TEXT WORD...: what `vmbus WORD...` says, on both streams, and how it ends.
expect() {
    local wanted=$1 text=$2 status=0
    shift 2
    timeout 20 "$tool" "$@" >"$work/said" 2>&1 </dev/null || status=$?
    judge "$wanted" "$status" "$text" "$*"
}

# judge WANTED STATUS TEXT WHAT: $work/said is what was said.
judge() {
    if (($1 == $2)) && grep -Fq -- "$3" "$work/said"; then
        passed=$((passed + 1))
    else
        printf 'FAILED: vmbus %.200s: status %d, wanted %d and "%s"\n' "$4" "$2" "$1" "$3"
        head -c 2000 "$work/said" | sed 's/^/    /'
        failed=$((failed + 1))
    fi
}

long=$(printf '%0300d' 0)
mkfifo "$work/pipe"
echo "no kernel" >"$work/text"

# The tool itself.
expect 2 "Usage:"
expect 0 "Usage:" --help
expect 0 "protocol versions" --version
expect 2 "no command 'nope'" nope
expect 2 "no option '--nope'" --nope
expect 2 "no command 'nope'" help nope
for command in bench demo sim; do
    expect 0 "Usage: vmbus $command" "$command" --help
    expect 0 "Usage: vmbus $command" help "$command"
    expect 2 "no option '--nope'" "$command" --nope
    expect 2 "no option '-z'" "$command" -zz
    expect 2 "--json takes no value" "$command" --json=3
done

# The bus on this machine.
expect 2 "--vps takes a number from 1 to 64, not '0'" demo --vps 0
expect 2 "not '65'" demo --vps 65
expect 2 "not '-1'" demo --vps -1
expect 2 "not '4x'" demo --vps 4x
expect 2 "not ''" demo --vps ''
expect 2 "--vps needs a value" demo --vps
expect 2 "not '2048'" demo --channels 2048
expect 2 "not '0'" demo --seconds 0
expect 2 "not '-1'" demo --seconds -1
expect 2 "not 'nan'" demo --seconds nan
expect 2 "not '1e9'" demo --seconds 1e9
expect 2 "whole number" demo --seed x
expect 2 "whole number" demo --seed 18446744073709551616
expect 2 "relid-array or percpu-lists" demo --design nope
expect 2 "is one of 6.0" demo --version-max 7.0
expect 2 "takes options only" demo words
expect 2 "not '0'" sim --runs 0
expect 2 "whole number" sim --seed -1
expect 2 "which family" bench
expect 2 "no family 'nope'" bench nope
expect 2 "from 11 to 101, not '10'" bench --rounds 10 ring
expect 2 "--rounds needs a value" bench ring --rounds

# The explorer, which is not built for every machine.
if "$tool" explore --help >/dev/null 2>&1; then
    expect 0 "Usage: vmbus explore" help explore
    expect 2 "no option '--nope'" explore --nope
    expect 2 "no option '-z'" explore -zz
    expect 2 "--json takes no value" explore close --json=3
    expect 2 "name one scenario" explore
    expect 2 "no scenario 'nope'" explore nope
    expect 2 "one design only" explore close --design nope
    expect 2 "there are: global-array percpu-lists" explore retarget --design nope
    expect 2 "there are sc, tso and c11" explore close --model nope
    expect 2 "--replay needs --model" explore close --replay f3B
    expect 2 "is no execution of that" explore close --model sc --replay nope
    expect 2 "--seconds needs a value" explore close --seconds
    for value in -1 501 1x ''; do
        expect 2 "--bound takes a number from 0 to 500, not '$value'" explore close --bound "$value"
    done
    for value in 0 -1 nan x ''; do
        expect 2 "--seconds takes a time such as" explore close --seconds "$value"
    done
    for value in 0/3 4/3 3 3/x ''; do
        expect 2 "--shard takes a part such as 3/16, not '$value'" explore close --shard "$value"
    done
    expect 2 "--executions takes a number from 1 on, not '0'" explore close --executions 0
    expect 2 "--random takes a number, the seed, not 'x'" explore close --random x
fi

# Results that nobody gets are no success.
status=0
"$tool" sim --runs 2 >/dev/full 2>"$work/said" || status=$?
judge 3 "$status" "cannot write" "sim >/dev/full"
status=0
"$tool" demo --seconds 0.1 --channels 2 --json >/dev/full 2>"$work/said" || status=$?
judge 3 "$status" "cannot write" "demo --json >/dev/full"
status=0
"$tool" --help >/dev/full 2>"$work/said" || status=$?
judge 3 "$status" "cannot write" "--help >/dev/full"
status=0
"$tool" sim --runs 2 >&- 2>"$work/said" || status=$?
judge 3 "$status" "cannot write" "sim >&-"

# Machines, if they are built in.
if "$tool" vm --help >/dev/null 2>&1; then
    for command in vm ls ctl kvp top; do
        expect 0 "Usage: vmbus $command" "$command" --help
        expect 2 "no option '--nope'" "$command" --nope
        expect 2 "no option '-z'" "$command" -zz
    done
    expect 2 "--json takes no value" vm --json=3
    expect 2 "which kernel?" vm
    expect 2 "--kernel needs a value" vm --kernel
    expect 2 "takes options only" vm --kernel "$tool" words
    for value in 0 241 -1 1x '' 99999999999999999999; do
        expect 2 "--cpus is from 1 to 240, not '$value'" vm --kernel "$tool" --cpus "$value"
    done
    for value in 0 31M 2T -1 '' 40001K 12X 99999999999999999999G; do
        expect 2 "--memory is from 32M to 1T, not '$value'" vm --kernel "$tool" --memory "$value"
    done
    for value in 0 65 -1; do
        expect 2 "--traffic is from 1 to 64, not '$value'" vm --kernel "$tool" --traffic "$value"
    done
    expect 2 "--version-max is one of" vm --kernel "$tool" --version-max 7.0
    expect 2 "--control wants a path" vm --kernel "$tool" --control ''
    disks=()
    for _ in {1..65}; do disks+=(--disk /dev/null); done
    expect 2 "at most 64 disks" vm --kernel "$tool" "${disks[@]}"
    expect 3 "cannot open $work/none: No such file" vm --kernel "$work/none"
    expect 3 "$work is not a file" vm --kernel "$work"
    expect 3 "$work/pipe is not a file" vm --kernel "$work/pipe"
    expect 3 "neither a Linux bzImage nor an x86 ELF file" vm --kernel "$work/text"
    expect 3 "cannot open $work/none" vm --kernel "$tool" --initrd "$work/none"
    expect 3 "$work/pipe is not a file" vm --kernel "$tool" --initrd "$work/pipe"
    expect 3 "cannot write the trace $work" vm --kernel "$tool" --trace "$work"
    expect 3 "command line is longer" vm --kernel "$tool" --append "$(printf '%03000d' 0)"
    for command in ls top ctl\ heartbeat kvp\ list; do
        # shellcheck disable=SC2086  # Words.
        {
            expect 2 "Give --control PATH or set VMBUS_CONTROL" $command
            expect 2 "Give --control PATH or set VMBUS_CONTROL" $command --control ''
            VMBUS_CONTROL='' expect 2 "Give --control PATH or set VMBUS_CONTROL" $command
            expect 2 "too long for a socket's name" $command --control "$long"
            expect 3 "no machine listens at $work/none" $command --control "$work/none"
            expect 3 "no machine listens at $work/text" $command --control "$work/text"
            VMBUS_CONTROL=$work/none expect 3 "no machine listens at $work/none" $command
        }
    done
    expect 2 "what is to be done?" ctl
    expect 2 "'nope' is no request" ctl nope
    expect 2 "'heartbeat' is no request, or its arguments" ctl heartbeat more
    expect 2 "'retarget' is no request, or its arguments" ctl retarget
    expect 2 "'retarget' is no request, or its arguments" ctl retarget 5 x
    expect 3 "cannot open the disk '$work/none'" ctl add-disk "$work/none"
    expect 3 "'$work' is neither a file nor a block device" ctl --read-only add-disk "$work"
    expect 3 "'$work/pipe' is neither a file nor a block" ctl --read-only add-disk "$work/pipe"
    expect 2 "what is to be done? list, get" kvp
    expect 2 "'get' is neither" kvp get
    expect 2 "'nope' is neither" kvp nope
    for value in 0 -1 nan 1e99 x ''; do
        expect 2 "--seconds is from 0.1 to 3600, not '$value'" top --seconds "$value"
    done
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
