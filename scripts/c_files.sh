#!/bin/sh
# SPDX-License-Identifier: MIT
# The C files in FOLDER of BASE, one a line, named from BASE: scripts/c_files.sh BASE FOLDER
# Meson calls it, so that a test or a fuzz target needs no entry in a list.
cd "$(dirname "$0")/../$1" && find "$2" -name '*.c' 2>/dev/null | LC_ALL=C sort
