#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The fuzz targets under AFL++, as a second opinion: scripts/fuzz_afl.sh [SECONDS [TARGET...]]
#
# Each target begins with the inputs that scripts/fuzz_corpora.sh names, and runs for SECONDS (60);
# a crash or a hang is a failure and lies in build/afl/TARGET/default. Targets whose peer writes
# between any two loads run only when they are named: here it writes before copies and no loads, as
# AFL++ leaves out the calls that libFuzzer's compiler puts before each.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
targets=("$@")
if ((${#targets[@]} == 0)); then
    for source in fuzz/fuzz_*.c; do
        name=${source#fuzz/fuzz_}
        [[ $name == *_toctou.c ]] || targets+=("${name%.c}")
    done
fi

export AFL_QUIET=1 AFL_SKIP_CPUFREQ=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1
export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0
CC=afl-clang-fast scripts/build.sh build/afl-build -Dfuzz=true -Dtests=disabled -Dtools=disabled \
    -Dasserts=true -Db_sanitize=address -Db_lundef=false

passed=0 failed=0
for target in "${targets[@]}"; do
    out=build/afl/$target
    rm -rf "$out" && mkdir -p "$out"
    seeds=$out/seeds
    mkdir -p "$seeds"
    echo seed >"$seeds/seed"
    scripts/fuzz_corpora.sh "$target" | while read -r folder; do
        cp "$folder"/* "$seeds"
    done
    if afl-fuzz -i "$seeds" -o "$out" -V "$seconds" -- "build/afl-build/fuzz/fuzz_$target" \
        >"$out/log" 2>&1 && [[ -f $out/default/fuzzer_stats ]]; then
        found=$(find "$out/default/crashes" "$out/default/hangs" -name 'id*' | wc -l)
    else
        tail -n 20 "$out/log"
        found=-1
    fi
    printf '%-16s %s inputs, %s found\n' "$target" \
        "$(sed -n 's/^execs_done *: //p' "$out/default/fuzzer_stats" 2>/dev/null)" "$found"
    if [[ $found == 0 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
