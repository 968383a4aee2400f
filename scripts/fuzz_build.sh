#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The fuzz targets under both sanitizers, with assertions, in build/fuzz: scripts/fuzz_build.sh
set -euo pipefail
cd "$(dirname "$0")/.."
CC=clang exec scripts/build.sh build/fuzz -Dfuzz=true -Dtests=disabled -Dtools=disabled \
    -Dasserts=true -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fno-sanitize-recover=all
