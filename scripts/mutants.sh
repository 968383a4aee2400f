#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The ledger of the mutants: find what kills each and write it into docs/PROOF.md; with --check see
# that what stands there still does. Ends with "N mutants, N killed, 0 survived".
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/mutants
mkdir -p build
[ -f "$build/build.ninja" ] || meson setup "$build" -Dtests=disabled -Dbuildtype=debugoptimized >"$build.log"
ninja -C "$build" explore/explore-orders explore/explore-statements >>"$build.log" || {
    tail -n 20 "$build.log"
    exit 1
}
exec explore/mutants/ledger.py "$build/explore" -j 2 "$@"
