#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the steps of tests/steps.list, or those named, and close with "N passed, N failed".

A step that closes with such a line itself counts as that many tests, any other as one, by its exit
status. Its output goes to build/test/log/NAME.log; the tail of it is shown if the step fails.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/test/log"
STEPS = ROOT / "tests/steps.list"
TAIL_LINES = 60
LIMIT_SECONDS = 1800  # For what hangs; a machine that others load may be ten times as slow.
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


@dataclass
class Step:
    name: str
    command: str


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Count) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def read_steps(wanted: list[str]) -> list[Step]:
    """The steps of the list, all or the wanted ones, in the list's order."""
    steps = []
    for line in STEPS.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, command = line.split(None, 1)
            steps.append(Step(name.rstrip(":"), command))
    unknown = set(wanted) - {step.name for step in steps}
    if unknown:
        names = " ".join(step.name for step in steps)
        sys.exit(f"test: no step {' '.join(sorted(unknown))}; there are: {names}")
    return [step for step in steps if not wanted or step.name in wanted]


def run(step: Step, log: Path) -> int:
    """The step's exit status; 124 if it had to be stopped."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", step.command],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "STEPS"},  # Ours.
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return 124
        finally:
            if process.poll() is None:  # Out of time, or we were interrupted.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def count(status: int, log: Path) -> Count:
    """What the step's closing line says, made to agree with its exit status."""
    lines = log.read_text(errors="replace").split("\n")
    closing = CLOSING.match(next((line for line in reversed(lines) if line.strip()), ""))
    if not closing:
        return Count(passed=int(status == 0), failed=int(status != 0))
    result = Count(*(int(number or 0) for number in closing.groups()))
    if status != 0 and result.failed == 0:
        result.failed = 1
    return result


def cpu_seconds() -> float:
    """CPU time of all the processes that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show_failure(step: Step, status: int, log: Path) -> None:
    reason = f"stopped after {LIMIT_SECONDS} s" if status == 124 else f"exit status {status}"
    print(f"\n--- {step.name} failed ({reason}): {step.command}")
    for line in log.read_text(errors="replace").splitlines()[-TAIL_LINES:]:
        print(f"    {line}")
    print(f"--- all of it: {log.relative_to(ROOT)}\n", flush=True)


def main(wanted: list[str]) -> int:
    steps = read_steps(wanted)
    width = max(len(step.name) for step in steps)
    LOGS.mkdir(parents=True, exist_ok=True)
    total = Count()
    for number, step in enumerate(steps, 1):
        print(f"[{number:2}/{len(steps)}] {step.name:{width}}  ", end="", flush=True)
        log = LOGS / f"{step.name}.log"
        began, used = time.monotonic(), cpu_seconds()
        status = run(step, log)
        result = count(status, log)
        elapsed, used = time.monotonic() - began, cpu_seconds() - used
        print(f"{elapsed:6.1f} s  cpu {used:6.1f} s  {result}", flush=True)
        if result.failed:
            show_failure(step, status, log)
        total.add(result)
    print(total, flush=True)
    return int(total.failed != 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
