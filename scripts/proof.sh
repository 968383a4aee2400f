#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The whole ladder of docs/PROOF.md, long: scripts/proof.sh [RUNG...]
#
# Rungs: explorer mutants simulation proofs coverage fuzz second-opinion stress. Each ends with a
# line of what it showed; the output of all is in build/proof. VMB_PROOF_SECONDS is how long each
# fuzz target runs, and each scenario of larger scope under each model (600); VMB_PROOF_EVENTS how
# many interrupts the stress takes (1000000000).
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${VMB_PROOF_SECONDS:-600} events=${VMB_PROOF_EVENTS:-1000000000}
rungs=("$@")
((${#rungs[@]})) || rungs=(explorer mutants simulation proofs coverage fuzz second-opinion stress)

command_of() {
    case $1 in
        explorer) echo "scripts/explore_for.sh build/explore/explore $seconds --all --large" ;;
        mutants) echo "scripts/mutants.sh --check" ;;
        simulation) echo "build/vmbus sim --seed 1 --runs 100000 --json" ;;
        proofs) echo "scripts/proofs.sh" ;;
        coverage) echo "scripts/coverage.py" ;;
        fuzz) echo "scripts/fuzz.sh --seconds $seconds" ;;
        second-opinion) echo "scripts/fuzz_afl.sh $seconds" ;;
        stress) echo "scripts/stress.sh $events $seconds" ;;
        *) return 1 ;;
    esac
}

scripts/build.sh build
mkdir -p build/proof
passed=0 failed=0
for rung in "${rungs[@]}"; do
    words=$(command_of "$rung") || { echo "proof: no rung $rung" >&2; exit 2; }
    read -ra command <<<"$words"
    began=$SECONDS
    if "${command[@]}" >"build/proof/$rung.log" 2>&1; then
        passed=$((passed + 1))
        result=$(tail -n 1 "build/proof/$rung.log" | cut -c 1-80)
    else
        failed=$((failed + 1))
        result="FAILED, see build/proof/$rung.log"
    fi
    printf '%-15s %6d s  %s\n' "$rung" $((SECONDS - began)) "$result"
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
