#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Explore a scenario for so long: scripts/explore_for.sh PROGRAM SECONDS SCENARIO [options]
#
# For scenarios that are not exhausted in the time that a test has. An end without a violation is
# good, complete or not; what was not complete is said in its line.
set -uo pipefail

program=$1
seconds=$2
shift 2
"$program" "$@" --seconds "$seconds"
status=$?
((status == 0 || status == 3)) # 3: no violation, and not all executions.
