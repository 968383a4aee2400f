#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What a user sees of the two designs: the old one loses an interrupt, in a second, with the way
# there and a token that leads there again; ours does not lose it under any model.
set -euo pipefail
explore=$1

fail() {
    printf 'designs: %s\n' "$*" >&2
    exit 1
}

# run STATUS ARGUMENT...: its output, if it ends with that status.
run() {
    local wanted=$1 output status=0
    shift
    output=$("$explore" "$@" 2>&1) || status=$?
    [[ $status == "$wanted" ]] || fail "explore $*: status $status, not $wanted: $output"
    printf '%s\n' "$output"
}

lost='^an event of relid 5 \(disk\) was lost: '
found=$(timeout 10 "$explore" retarget --design percpu-lists 2>&1) && fail "the old design loses nothing"
grep -qE "$lost" <<<"$found" || fail "nobody says what was lost: $found"
grep -qE '^step .*\| host: disk +\| control plane +\| VP 0 +\| VP 1 *$' <<<"$found" ||
    fail "no table with a column a thread: $found"
again=$(sed -n 's/^Replay: vmbus explore //p' <<<"$found")
read -ra words <<<"$again"
replayed=$(run 1 "${words[@]}")
[[ $(grep -E "$lost" <<<"$replayed") == $(grep -E "$lost" <<<"$found" | tail -n 1) ]] ||
    fail "the token leads elsewhere: $replayed"

kept=$(run 0 retarget --design global-array)
[[ $(grep -c ' 0 violations$' <<<"$kept") == 3 ]] || fail "not all three models are exhausted: $kept"

run 2 retarget --model sc --replay nonsense >/dev/null
run 2 retarget --design none >/dev/null
run 2 no-such-scenario >/dev/null
run 2 retarget --bound few >/dev/null
run 2 retarget --replay f3B:a7c3d3 >/dev/null # Of which model?
