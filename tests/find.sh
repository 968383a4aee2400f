#!/bin/sh
# SPDX-License-Identifier: MIT
# The C files of a folder beside this script, one a line, for tests/meson.build.
cd "$(dirname "$0")" && find "$1" -name '*.c' 2>/dev/null | sort
