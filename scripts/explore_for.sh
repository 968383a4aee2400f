#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Explore each scenario and model for so long at most: scripts/explore_for.sh PROGRAM SECONDS [options]
#
# For scenarios of larger scope (`--large`), which few have the time to exhaust. An end without a
# violation is good, complete or not; what was not complete is said in its line.
set -uo pipefail

program=$1
seconds=$2
shift 2
"$program" "$@" --seconds "$seconds"
status=$?
((status == 0 || status == 3)) # 3: no violation, and not all executions.
