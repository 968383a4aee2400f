#!/bin/sh
# SPDX-License-Identifier: MIT
# Put archives together into one object of which only explore_main is visible:
#     link.sh OUTPUT ARCHIVE...
# The explorer holds the library a second time, compiled otherwise; beside the library itself, in one
# program, the two must not see each other.
set -eu
output=$1
shift
"${LD:-ld}" -r -o "$output.all" --whole-archive "$@"
"${OBJCOPY:-objcopy}" --keep-global-symbol=explore_main "$output.all" "$output"
rm -f "$output.all"
