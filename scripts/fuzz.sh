#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fuzz decoders and state machines: scripts/fuzz.sh [--seconds N] [--grow] [--rates] [TARGET...]
#
# TARGET is the name in fuzz/fuzz_TARGET.c; without any, all of them, two at a time, 10 seconds each:
# first all inputs of fuzz/corpus/TARGET, then what is made of them. Words are in fuzz/TARGET.dict;
# what is found goes to build/fuzz. Every target counts as one test, and says how many inputs it
# tried in a second of processor time, which does not depend on what else the machine does.
#
# --rates measures instead: inputs a second of one core's time with the address sanitizer, against a
# bar; sessions are also measured at any length, and messages are counted. See docs/FUZZING.md.
#
# --grow adds the smallest set of what was found to fuzz/corpus/TARGET, to be committed.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=2 seconds=10 grow='' rates=''
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

# Of an input's length, a corpus that is merged is smallest; while fuzzing it is not looked at.
always=(-verbosity=0 -entropic=0 -reload=0 -reduce_inputs=0)

# longest TARGET: the bytes of an input, as its file says, or the one that it includes.
longest() {
    local file
    for file in "fuzz/fuzz_$1.c" "fuzz/fuzz_${1%_toctou}.c"; do
        if [[ -f $file ]] && grep -q '^#define FUZZ_LONGEST ' "$file"; then
            sed -n 's/^#define FUZZ_LONGEST \([0-9]*\).*/\1/p' "$file"
            return
        fi
    done
}

# fuzz FOLDER TARGET LOG OPTION...: one run; its processor time goes to LOG.time, its output to LOG.
fuzz() {
    local folder=$1 target=$2 log=$3 TIMEFORMAT=%U
    shift 3
    if ! { time FUZZ_TELL=1 "$folder/fuzz/fuzz_$target" "${always[@]}" "$@" >"$log" 2>&1; } \
        2>"$log.time"; then
        echo "--- $target: failed"
        tail -n 40 "$log"
        return 1
    fi
}

# ---- Rates --------------------------------------------------------------------------------------

# What a target is expected to do on one core of a machine that is not too old. 0: nothing, since
# where a peer writes between any two loads, each load is a call; a ring is up to its bar with that.
bar_of() {
    case $1 in
        ring_*) echo 500000 ;;
        *_toctou) echo 0 ;;
        *) echo 100000 ;;
    esac
}

# rate TARGET BYTES RUNS BAR: the rate of inputs of up to so many bytes; true if it is up to the bar.
rate() {
    local target=$1 bytes=$2 runs=$3 bar=$4 log=build/fuzz-address/$1.log inputs
    rm -rf build/fuzz-rate && mkdir -p build/fuzz-rate # What is found goes to the first folder.
    mapfile -t inputs < <(echo build/fuzz-rate && scripts/fuzz_corpora.sh "$target")
    fuzz build/fuzz-address "$target" "$log" -seed=1 -runs="$runs" -max_len="$bytes" \
        -artifact_prefix="build/fuzz-address/$target-" "${inputs[@]}" || return 1
    awk -v target="$target" -v most="$bytes" -v bar="$bar" -v cpu="$(tail -n 1 "$log.time")" '
        $1 == "told:" { inputs = $2; bytes = $4; messages = $6 }
        END {
            rate = inputs / cpu
            printf "%-22s %8.0f a second of %5.1f bytes (up to %3d)", target, rate, bytes / inputs, most
            if (messages) printf ", %.0f messages a second", messages / cpu
            if (bar) printf ", to be %d: %s", bar, rate < bar ? "NO" : "yes"
            printf "\n"
            exit(rate < bar)
        }' "$log"
}

measure_rates() {
    local passed=0 failed=0 target
    CC=clang scripts/build.sh build/fuzz-address -Dfuzz=true -Dtests=disabled -Dtools=disabled \
        -Dasserts=true -Doptimization=3 -Db_lundef=false -Db_sanitize=address
    for target in "${targets[@]}"; do
        if rate "$target" 24 500000 "$(bar_of "$target")"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
        if [[ $target == guest || $target == host ]]; then # Without a bar: how far it sinks.
            rate "$target" "$(longest "$target")" 300000 0
        fi
    done
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}

# ---- Fuzzing ------------------------------------------------------------------------------------

# run TARGET: one run, its result, its rate. Its exit status goes to build/fuzz/TARGET.status.
run() {
    local target=$1 found=build/fuzz/found/$1 log=build/fuzz/$1.log inputs options
    mkdir -p "$found"
    mapfile -t inputs < <(echo "$found" && scripts/fuzz_corpora.sh "$target")
    options=(-seed=1 -max_total_time="$seconds" -max_len="$(longest "$target")" -timeout=10
        -artifact_prefix="build/fuzz/$target-")
    [[ -f fuzz/$target.dict ]] && options+=(-dict="fuzz/$target.dict")
    echo 1 >"build/fuzz/$target.status"
    fuzz build/fuzz "$target" "$log" "${options[@]}" "${inputs[@]}" || return 0
    awk -v target="$target" -v cpu="$(tail -n 1 "$log.time")" '
        $1 == "told:" { inputs = $2 }
        END { printf "%-22s %10d inputs, %7.0f a second of processor time\n", target, inputs,
            inputs / cpu }' "$log"
    if [[ -n $grow ]]; then
        mkdir -p "fuzz/corpus/$target"
        "build/fuzz/fuzz/fuzz_$target" -merge=1 -use_counters=0 -max_len="$(longest "$target")" \
            -verbosity=0 "fuzz/corpus/$target" "$found" >"$log" 2>&1 || return 0
    fi
    echo 0 >"build/fuzz/$target.status"
}

fuzz_all() {
    local passed=0 failed=0 target
    scripts/fuzz_build.sh
    for target in "${targets[@]}"; do
        while (($(jobs -pr | wc -l) >= jobs)); do
            wait -n
        done
        run "$target" &
    done
    wait
    for target in "${targets[@]}"; do
        if [[ $(<"build/fuzz/$target.status") == 0 ]]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}

if [[ -n $rates ]]; then
    measure_rates
else
    fuzz_all
fi
