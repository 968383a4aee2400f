#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Configure if needed, then compile: scripts/build.sh DIR [meson options]
#
# DIR is configured again by itself when the options or the set of files that Meson looks up by
# name (meson.build files, test programs) differ from last time.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$1
shift

# Debian's, not one that another Python on PATH may shadow it with.
meson=/usr/bin/meson
[[ -x $meson ]] || meson=$(command -v meson) || {
    echo "build: no meson; run scripts/setup.sh build, or install Meson 1.0 or later" >&2
    exit 1
}

options() { printf '%s\n' "$PWD" "CC=${CC-}" "$@"; } # If one changes: a new folder.

layout() {
    find . \( -name .git -o -path './build*' \) -prune -o \
        \( -name meson.build -o -path './tests/*/*.c' -o -path './fuzz/*.c' \) -print | LC_ALL=C sort
}

same() { [[ -f $dir/$1 && "$(<"$dir/$1")" == "$2" ]]; } # File $1 of the build folder holds text $2.

quietly() { # Says nothing unless it fails.
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

options=$(options "$@")
layout=$(layout)
if [[ -f $dir/build.ninja ]] && ! same .options "$options"; then
    rm -rf "$dir"
fi
if [[ ! -f $dir/build.ninja ]]; then
    quietly "$meson" setup "$dir" --werror "$@"
elif ! same .layout "$layout"; then
    quietly "$meson" setup --reconfigure "$dir"
fi
printf '%s\n' "$options" >"$dir/.options"
printf '%s\n' "$layout" >"$dir/.layout"

if [[ -t 1 ]]; then
    exec ninja -C "$dir"
fi
quietly ninja --quiet -C "$dir"
