#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What the tests reach of src/: scripts/coverage.sh [--uncovered] [--fuzz]
#
# Lines and branches of each room, from the unit, golden, evil and portkit tests; all of it goes to
# build/coverage. --uncovered lists the branches that nothing took. --fuzz measures what the corpora
# of the fuzzers reach instead, by the compiler's own coverage.
set -euo pipefail
cd "$(dirname "$0")/.."

uncovered='' fuzz=''
for option in "$@"; do
    case $option in
        --uncovered) uncovered=1 ;;
        --fuzz) fuzz=1 ;;
        *) echo "coverage: no such option: $option" >&2; exit 2 ;;
    esac
done
out=build/coverage
mkdir -p "$out"

# Sums of a gcovr CSV report, by room.
table() {
    awk -F, 'NR > 1 {
        split($1, part, "/"); room = part[2] == "drivers" ? part[2] "/" part[3] : part[2]
        lines[room] += $2; lines_hit[room] += $3; branches[room] += $5; branches_hit[room] += $6
        lines["all"] += $2; lines_hit["all"] += $3; branches["all"] += $5; branches_hit["all"] += $6
    }
    function percent(hit, of) { return of == 0 ? 100 : 100 * hit / of }
    END {
        printf "%-18s %15s %18s\n", "room", "lines", "branches"
        for (room in lines)
            printf "%-18s %6d %6.1f %% %9d %6.1f %%\n", room, lines[room],
                percent(lines_hit[room], lines[room]), branches[room],
                percent(branches_hit[room], branches[room]) | "sort"
    }' "$1"
}

if [[ -n $fuzz ]]; then
    profile=build/fuzz-coverage
    CC=clang scripts/build.sh "$profile" -Dfuzz=true -Dtests=disabled -Dtools=disabled \
        -Db_sanitize=address -Db_lundef=false \
        '-Dc_args=-fprofile-instr-generate -fcoverage-mapping' \
        -Dc_link_args=-fprofile-instr-generate
    objects=()
    for source in fuzz/fuzz_*.c; do
        target=${source#fuzz/fuzz_} target=${target%.c}
        [[ -d fuzz/corpus/$target ]] || continue
        LLVM_PROFILE_FILE="$PWD/$profile/$target.profraw" "$profile/fuzz/fuzz_$target" -runs=0 \
            "fuzz/corpus/$target" >/dev/null 2>&1
        objects+=(-object "$profile/fuzz/fuzz_$target")
    done
    merge=$(command -v llvm-profdata-14 llvm-profdata | head -n 1)
    show=$(command -v llvm-cov-14 llvm-cov | head -n 1)
    "$merge" merge -o "$out/fuzz.profdata" "$profile"/*.profraw
    "$show" report "${objects[@]:1}" -instr-profile="$out/fuzz.profdata" \
        -ignore-filename-regex='/(fuzz/[^/]*|include/.*|explore/.*|sim/.*)$' | tee "$out/fuzz.txt" | tail -n 1
    exit 0
fi

CC=gcc scripts/build.sh build/test/coverage -Dtests=enabled -Db_coverage=true -Dasserts=false
find build/test/coverage -name '*.gcda' -delete
meson=/usr/bin/meson
[[ -x $meson ]] || meson=meson
"$meson" test -C build/test/coverage --no-rebuild --suite unit --suite golden --suite evil \
    --suite portkit >"$out/tests.log" 2>&1 || { tail -n 30 "$out/tests.log"; exit 1; }
gcovr --root . --filter 'src/' --exclude-throw-branches --csv "$out/files.csv" \
    --txt "$out/lines.txt" --json "$out/coverage.json" build/test/coverage >"$out/gcovr.log" 2>&1
table "$out/files.csv"
if [[ -n $uncovered ]]; then
    gcovr --root . --add-tracefile "$out/coverage.json" --branches --txt - | tee "$out/branches.txt"
fi
