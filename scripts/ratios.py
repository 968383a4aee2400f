#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ratios of time, taken in one run of `vmbus bench`, against their targets; loosely.

    ratios.py [FAMILY...]     default: dispatch latency

Machines are noisy: a ratio fails only if its median is below 70 % of the target, and is so again
when the family is measured anew, twice. Where a target is out of reach, tests/speed/reached.list
says how far we came, and 70 % of that is the bound; a line there that has become too modest fails
too. What was not delivered fails in any case.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REACHED = ROOT / "tests/speed/reached.list"
SHARE = 0.7
TRIES = 3


def read_reached(text: str) -> dict[str, float]:
    """NAME = VALUE a line; # begins a comment."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    pairs = (line.rsplit("=", 1) for line in lines if line)
    return {name.strip(): float(value) for name, value in pairs}


def share(kind: str, wanted: float, measured: float) -> float:
    """1 and more: as good as wanted."""
    if kind == "at least":
        return measured / wanted if wanted > 0 else 1.0
    return wanted / measured if measured > 0 else float("inf")


def judge(target: dict, reached: dict[str, float]) -> tuple[bool, str]:
    """Whether that is good enough, and the line that says so."""
    name, kind, wanted, median = (target[k] for k in ("name", "kind", "target", "median"))
    line = f"{name}: {median:.2f}, {kind} {wanted:g}"
    if share(kind, wanted, median) >= SHARE:
        if name in reached and share(kind, wanted, reached[name]) >= 1:
            return False, f"FAILED {line}: strike it from {REACHED.name}, the target is reached"
        return True, line if share(kind, wanted, median) >= 1 else f"{line}: not reached"
    if name not in reached:
        return False, f"FAILED {line}: below {SHARE:.0%} of it"
    if share(kind, reached[name], median) < SHARE:
        return False, f"FAILED {line}: below {SHARE:.0%} of {reached[name]:g}, which it was"
    return True, f"{line}: not reached, {reached[name]:g} was"


def merge(judged: dict[str, tuple[bool, str]], again: dict[str, tuple[bool, str]]) -> None:
    """What has failed may be mended by another try, and nothing else."""
    for name, (good, line) in again.items():
        if name not in judged or (good and not judged[name][0]):
            judged[name] = (good, line)


def measure(family: str) -> dict:
    done = subprocess.run([ROOT / "build/vmbus", "bench", family, "--json"], stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"ratios: vmbus bench {family} ended with status {done.returncode}")
    return json.loads(done.stdout)


def judge_family(family: str, reached: dict[str, float]) -> tuple[dict[str, tuple[bool, str]], list[str]]:
    """Each target's verdict, and what could not be measured."""
    judged: dict[str, tuple[bool, str]] = {}
    notes: list[str] = []
    for number in range(1, TRIES + 1):
        report = measure(family)
        notes = report["skipped"]
        if report["wrong"]:
            return {family: (False, f"FAILED {family}: {report['wrong']} things were not delivered")}, notes
        merge(judged, {one["name"]: judge(one, reached) for one in report["targets"]})
        if all(good for good, _ in judged.values()):
            break
        if number < TRIES:
            print(f"{family}: {sum(not good for good, _ in judged.values())} too slow; once more")
    return judged, notes


def main(families: list[str]) -> int:
    reached = read_reached(REACHED.read_text())
    passed = failed = 0
    names: set[str] = set()
    for family in families:
        judged, notes = judge_family(family, reached)
        names |= judged.keys()
        for good, line in judged.values():
            passed, failed = passed + good, failed + (not good)
            print(line)
        for note in notes:
            print(f"not measured: {note}")
    for name in sorted(n for n in reached.keys() - names if n.split()[0].rstrip(":") in families):
        failed += 1
        print(f"FAILED {REACHED.name}: there is no target '{name}' any more")
    print(f"{passed} passed, {failed} failed")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["dispatch", "latency"]))
