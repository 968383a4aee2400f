#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fuzz decoders and state machines: scripts/fuzz.sh [--seconds N] [TARGET...]
#
# TARGET is the name in fuzz/fuzz_TARGET.c; without any, all of them, 10 seconds each. Inputs to begin
# with are in fuzz/corpus/TARGET, words in fuzz/TARGET.dict; what is found goes to build/fuzz.
# Every target counts as one test.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10
if [[ "${1-}" == --seconds ]]; then
    seconds=$2
    shift 2
fi
targets=("$@")
if ((${#targets[@]} == 0)); then
    for source in fuzz/fuzz_*.c; do
        [[ -f $source ]] || continue
        name=${source#fuzz/fuzz_}
        targets+=("${name%.c}")
    done
fi

CC=clang scripts/build.sh build/fuzz -Dfuzz=true -Dtests=disabled -Dtools=disabled -Dasserts=true \
    -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fno-sanitize-recover=all

passed=0 failed=0
for target in "${targets[@]}"; do
    found=build/fuzz/found/$target
    mkdir -p "$found"
    inputs=("$found")
    [[ -d fuzz/corpus/$target ]] && inputs+=("fuzz/corpus/$target")
    options=(-seed=1 -max_total_time="$seconds" -timeout=10 -artifact_prefix="build/fuzz/$target-")
    [[ -f fuzz/$target.dict ]] && options+=(-dict="fuzz/$target.dict")
    echo "--- $target, $seconds s"
    if "build/fuzz/fuzz/fuzz_$target" "${options[@]}" "${inputs[@]}" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
