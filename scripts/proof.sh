#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The whole ladder of docs/PROOF.md: scripts/proof.sh [--minutes M] [--from RUNG] [RUNG...]
#
# Rungs: explorer larger mutants simulation proofs coverage fuzz second-opinion stress. Each ends with
# a line of what it showed; the output of all is in build/proof. All together take about M minutes
# (480) on two free cores, 15 at least: some of that goes where time does not matter, the rest is
# shared by those that show more the longer they run. A rung that fails does not stop the ladder; how
# to run it alone is in its line. --from goes on where a ladder was broken off.
set -euo pipefail
cd "$(dirname "$0")/.."

all=(explorer larger mutants simulation proofs coverage fuzz second-opinion stress)
minutes=480 from=''
while [[ "${1-}" == --* ]]; do
    case $1 in
        --minutes) minutes=${2-}; shift 2 ;;
        --from) from=${2-}; shift 2 ;;
        *) echo "proof: no such option: $1" >&2; exit 2 ;;
    esac
done
if [[ ! $minutes =~ ^[0-9]+$ ]] || ((minutes < 15)); then
    echo "proof: --minutes $minutes: a number from 15" >&2
    exit 2
fi
for name in "$@" $from; do
    if [[ " ${all[*]} " != *" $name "* ]]; then
        echo "proof: no rung $name; there are: ${all[*]}" >&2
        exit 2
    fi
done
rungs=("$@")
((${#rungs[@]})) || rungs=("${all[@]}")
while [[ -n $from && ${rungs[0]} != "$from" ]]; do
    rungs=("${rungs[@]:1}")
    ((${#rungs[@]})) || { echo "proof: --from $from: not among the rungs named" >&2; exit 2; }
done

# ---- How long what runs -------------------------------------------------------------------------

files() { find fuzz -maxdepth 1 "$@" | wc -l; }

free=$(((minutes - 12) * 60)) # Seconds; 12 minutes go to what takes as long as it takes.
fuzz_seconds=$((free * 6 / 10 / $(files -name 'fuzz_*.c'))) # Two targets at a time.
afl_seconds=$((free * 2 / 10 / $(files -name 'fuzz_*.c' ! -name '*_toctou.c')))
stress_seconds=$((free / 10))
events=$((stress_seconds * 400000))
seeds=$((minutes < 60 ? 100000 : 1000000))

# ---- The rungs: each writes what it likes -------------------------------------------------------

program=build/explore/explore

climb_explorer() { "$program" --all; }

climb_larger() { # Stopped by the clock (3) is no failure.
    local name seconds result=0 status names
    mapfile -t names < <("$program" --list | sed -n 's/^\([a-z-]*-large\) .*/\1/p')
    seconds=$((free * 3 / 10 / (3 * ${#names[@]}))) # Under three models each.
    for name in "${names[@]}"; do
        status=0
        "$program" "$name" --seconds "$((seconds + 1))" || status=$?
        ((status == 0 || status == 3)) || result=1
    done
    return "$result"
}

climb_mutants() { scripts/mutants.sh --check; }
climb_simulation() { scripts/sim.sh --runs "$seeds"; }
climb_proofs() { scripts/proofs.sh; }
climb_coverage() { scripts/coverage.py; }
climb_fuzz() { scripts/fuzz.sh --seconds "$fuzz_seconds"; }
climb_second-opinion() { scripts/fuzz_afl.sh "$afl_seconds"; }
climb_stress() { scripts/stress.sh "$events" "$stress_seconds"; }

# ---- What they showed, in a line, out of their output -------------------------------------------

tell_explored() {
    awk '/ executions / {
            runs++
            for (i = 2; i <= NF; i++) {
                if ($i == "executions") executions += $(i - 1)
                if ($i ~ /^violations/) violations += $(i - 1)
            }
            whole += !/not complete/
        }
        END { printf "%d of %d exhausted, %d executions, %d violations\n", whole, runs, executions,
            violations }'
}

tell() { # RUNG, its output on the standard input.
    case $1 in
        explorer | larger) tell_explored ;;
        simulation) awk -v seeds="$seeds" '/^In every run/ { print seeds " seeds. " $0 }' ;;
        coverage) awk '$1 == "all" { print $3, "% of", $2, "lines,", $6, "% of", $5, "branches" }' ;;
        fuzz | second-opinion)
            awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^inputs/) inputs += $(i - 1) }
                END { print $0 ", " inputs " inputs" }' ;;
        stress) sed -n 's/^\(threads\|processes\): \(.*\)/\1 \2/p' | paste -sd ';' | sed 's/;/; /' ;;
        *) tail -n 1 ;;
    esac
}

# ---- The ladder ---------------------------------------------------------------------------------

scripts/build.sh build
mkdir -p build/proof
passed=0 failed=() start=$SECONDS
for rung in "${rungs[@]}"; do
    log=build/proof/$rung.log began=$SECONDS
    if "climb_$rung" >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        result=$(tell "$rung" <"$log")
    else
        failed+=("$rung")
        result="FAILED, see $log; alone: scripts/proof.sh --minutes $minutes $rung"
    fi
    printf '%-15s %6d s  %s\n' "$rung" $((SECONDS - began)) "$result"
done
echo "$(((SECONDS - start + 30) / 60)) minutes of $minutes${failed[*]:+; failed: ${failed[*]}}"
echo "$passed passed, ${#failed[@]} failed"
((${#failed[@]} == 0))
