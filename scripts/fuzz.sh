#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fuzz decoders and state machines: scripts/fuzz.sh [--seconds N] [--grow] [--rates] [TARGET...]
#
# TARGET is the name in fuzz/fuzz_TARGET.c; without any, all of them, 10 seconds each. Inputs to begin
# with are in fuzz/corpus/TARGET, words in fuzz/TARGET.dict; what is found goes to build/fuzz. Every
# target counts as one test, and says how many inputs it tried in a second of processor time, which
# does not depend on what else the machine does.
#
# --rates measures instead: inputs a second of one core's time, of inputs of up to 24 bytes, the rings
# with the address sanitizer, all others without; below the bar is a failure.
#
# --grow adds the smallest set of what was found to fuzz/corpus/TARGET, to be committed.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10 grow='' rates=''
while [[ "${1-}" == --* ]]; do
    case $1 in
        --seconds) seconds=$2; shift 2 ;;
        --grow) grow=1; shift ;;
        --rates) rates=1; shift ;;
        *) echo "fuzz: no such option: $1" >&2; exit 2 ;;
    esac
done
targets=("$@")
if ((${#targets[@]} == 0)); then
    for source in fuzz/fuzz_*.c; do
        [[ -f $source ]] || continue
        name=${source#fuzz/fuzz_}
        targets+=("${name%.c}")
    done
fi

# A child that ends at a trap shall not leave a core behind; stacks of threads are not looked at.
export ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0

# What a target is expected to do on one core of a machine that is not too old.
bar_of() {
    case $1 in
        ring_*) echo 500000 ;;
        *) echo 100000 ;;
    esac
}

# rate TARGET: its rate; true if it is up to the bar.
rate() {
    local target=$1 folder=build/fuzz-plain runs=300000 cpu bar inputs
    rm -rf "build/fuzz-rate" && mkdir -p build/fuzz-rate # What is found goes to the first folder.
    inputs=(build/fuzz-rate)
    [[ -d fuzz/corpus/$target ]] && inputs+=("fuzz/corpus/$target")
    [[ $target == ring_* ]] && folder=build/fuzz-address
    bar=$(bar_of "$target")
    TIMEFORMAT='%U'
    cpu=$({ time "$folder/fuzz/fuzz_$target" -seed=1 -runs=$runs -max_len=24 -verbosity=0 \
        -entropic=0 -reload=0 -artifact_prefix="build/fuzz-$target-" "${inputs[@]}" \
        >"build/fuzz-$target.log" 2>&1; } 2>&1) || { tail -n 20 "build/fuzz-$target.log"; return 1; }
    awk -v target="$target" -v runs=$runs -v cpu="$cpu" -v bar="$bar" 'BEGIN {
        printf "%-16s %8.0f a second, to be %6d: %s\n", target, runs / cpu, bar,
            (runs / cpu < bar ? "NO" : "yes")
        exit(runs / cpu < bar) }'
}

if [[ -n $rates ]]; then
    options=(-Dfuzz=true -Dtests=disabled -Dtools=disabled -Dasserts=true -Doptimization=3
        -Db_lundef=false)
    CC=clang scripts/build.sh build/fuzz-plain "${options[@]}"
    CC=clang scripts/build.sh build/fuzz-address "${options[@]}" -Db_sanitize=address
    passed=0 failed=0
    for target in "${targets[@]}"; do
        if rate "$target"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
    exit
fi

CC=clang scripts/build.sh build/fuzz -Dfuzz=true -Dtests=disabled -Dtools=disabled -Dasserts=true \
    -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fno-sanitize-recover=all

# run TARGET: one run, its result, its rate.
run() {
    local target=$1 found=build/fuzz/found/$1 log=build/fuzz/$1.log inputs options runs cpu longest
    longest=$(sed -n 's/^#define FUZZ_LONGEST \([0-9]*\).*/\1/p' "fuzz/fuzz_$target.c")
    mkdir -p "$found"
    inputs=("$found")
    [[ -d fuzz/corpus/$target ]] && inputs+=("fuzz/corpus/$target")
    options=(-seed=1 -max_total_time="$seconds" -max_len="$longest" -timeout=10 -verbosity=0
        -entropic=0 -reload=0
        -print_final_stats=1 -artifact_prefix="build/fuzz/$target-")
    [[ -f fuzz/$target.dict ]] && options+=(-dict="fuzz/$target.dict")
    TIMEFORMAT='cpu %U'
    if ! { time "build/fuzz/fuzz/fuzz_$target" "${options[@]}" "${inputs[@]}" >"$log" 2>&1; } \
        2>"$log.time"; then
        echo "--- $target: failed"
        tail -n 40 "$log"
        return 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    cpu=$(sed -n 's/^cpu //p' "$log.time")
    awk -v target="$target" -v runs="$runs" -v cpu="$cpu" 'BEGIN {
        printf "%-16s %10d inputs, %7.0f a second of processor time\n", target, runs, runs / cpu }'
    if [[ -n $grow ]]; then
        mkdir -p "fuzz/corpus/$target"
        "build/fuzz/fuzz/fuzz_$target" -merge=1 -use_counters=0 -max_len="$longest" -verbosity=0 \
            "fuzz/corpus/$target" "$found" >"$log" 2>&1
    fi
}

passed=0 failed=0
for target in "${targets[@]}"; do
    if run "$target"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
