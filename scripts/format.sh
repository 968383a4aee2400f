#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Put every C file into the project's format, or with --check only say which are not in it.
# The format is what clang-format 14 makes of .clang-format; other versions differ in details.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=$(command -v clang-format-14 || command -v clang-format || true)
[[ "$("${tool:-false}" --version 2>/dev/null)" == *"version 14."* ]] || {
    echo "format: needs clang-format 14 (package clang-format-14)" >&2
    exit 1
}

arguments=(-i)
[[ "${1-}" == --check ]] && arguments=(--dry-run -Werror --ferror-limit=1)
find . \( -path './build*' -o -path ./.git \) -prune -o -name '*.[ch]' -print0 |
    xargs -0 -r -n 40 -P "$(nproc)" "$tool" "${arguments[@]}"
