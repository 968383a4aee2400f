#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The whole bus in virtual time: so many seeds, and some of them twice, bit for bit the same.
#
#     scripts/sim.sh [--runs N]     default 1000; ends with "N passed, N failed"
set -euo pipefail
cd "$(dirname "$0")/.."

runs=1000
while (($# > 0)); do
    case $1 in
    --runs)
        runs=$2
        shift
        ;;
    *)
        echo "sim: unknown argument $1; usage: scripts/sim.sh [--runs N]" >&2
        exit 2
        ;;
    esac
    shift
done

scripts/build.sh build
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

judge() { # judge WHAT COMMAND...: its exit status counts.
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "sim: $what" >&2
        failed=$((failed + 1))
    fi
}

without_wall() { # The result without what the wall clock has to do with.
    python3 -c 'import json, sys
result = json.load(sys.stdin)
del result["wall"]
print(json.dumps(result, indent=2))'
}

twice() {
    local i
    for i in 1 2; do
        build/vmbus sim --seed 7 --runs 50 --trace "$scratch/trace$i" --json |
            without_wall >"$scratch/json$i" || return 1
    done
    cmp "$scratch/trace1" "$scratch/trace2" && cmp "$scratch/json1" "$scratch/json2"
}

judge "a run failed" build/vmbus sim --seed 1 --runs "$runs"
judge "the same seed was another run" twice
echo "$passed passed, $failed failed"
((failed == 0))
