#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Stress, as long as you like: scripts/stress.sh [EVENTS] [SECONDS]
#
# EVENTS interrupts (1000000000) on a bus of threads whose channels move, close and vanish, its
# threads pinned anew again and again, onto one CPU or onto all; then SECONDS (600) of a guest and a
# host in two processes that are stopped, moved and killed. Nothing may be lost.
set -euo pipefail
cd "$(dirname "$0")/.."

events=${1:-1000000000} seconds=${2:-600}
CC=gcc scripts/build.sh build/stress -Dtests=enabled -Dasserts=false

cpus=$(nproc)

# Each thread of a process onto a CPU, or onto all, every 50 ms, until it ends.
migrate() { # PID
    local thread
    while kill -0 "$1" 2>/dev/null; do
        for thread in "/proc/$1/task"/*; do
            if ((RANDOM % 3 == 0)); then
                taskset -p -c "$((RANDOM % cpus))" "${thread##*/}" >/dev/null 2>&1 || true
            else
                taskset -p -c "0-$((cpus - 1))" "${thread##*/}" >/dev/null 2>&1 || true
            fi
        done
        sleep 0.05
    done
}

began=$SECONDS
VMB_STRESS_EVENTS=$events build/stress/tests/test_sim_rules >build/stress/rules.log 2>&1 &
program=$!
migrate "$program" &
status=0
wait "$program" || status=$?
wait
grep -v '^\[' build/stress/rules.log || true
echo "threads: $events events in $((SECONDS - began)) s: $([[ $status == 0 ]] && echo 'nothing lost' || echo FAILED)"
VMB_STRESS_SECONDS=$((seconds / 2)) build/stress/tests/test_processes >build/stress/processes.log 2>&1 ||
    status=1
grep -v '^\[' build/stress/processes.log || true
echo "processes: $([[ $status == 0 ]] && echo 'nothing lost' || echo FAILED)"
exit "$status"
