#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check docs/CONFORMANCE.md: no line is missing, and each names tests that exist and are run.

A line is one test. Its last cell has the names, in `backquotes`; or says in words why there is none,
which only a line of the catalogue may.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAPER = "docs/CONFORMANCE.md"
ROW = re.compile(r"^\| (G\d+|S\d+|H\d+a?) \|(.*)\|([^|]*)\|$", re.MULTILINE)
NAME = re.compile(r"`([^`]+)`")
FUNCTION = re.compile(r"^(?:static )?void (\w+)\(void \*\*state\)", re.MULTILINE)

CATALOGUE = [*range(1, 15), *range(20, 35), *range(40, 60), *range(60, 68), *range(70, 87)]
CATALOGUE += [*range(90, 104)]
LINES = [f"G{n}" for n in range(1, 14)] + [f"S{n}" for n in range(1, 12)]
LINES += [f"H{n}" for n in CATALOGUE] + ["H86a"]


def tests(root: Path) -> set[str]:
    """Every test function that its file also puts into a list."""
    found = set()
    for path in (root / "tests").glob("*/test_*.c"):
        text = path.read_text()
        for name in FUNCTION.findall(text):
            if len(re.findall(rf"\b{name}\b", text)) > 1:
                found.add(name)
    return found


def exists(root: Path, name: str, known: set[str]) -> bool:
    kind, _, rest = name.partition(" ")
    if kind == "explore":
        named = f'.name = "{rest}",\n    .shows'  # As a scenario; threads have names too.
        return any(named in path.read_text() for path in (root / "explore/scenarios").glob("*.c"))
    if kind == "fuzz":
        return (root / "fuzz" / f"fuzz_{rest}.c").exists()
    return name in known


def check(root: Path) -> list[tuple[str, str]]:
    """Faults: which line, and what."""
    rows = ROW.findall((root / PAPER).read_text())
    known = tests(root)
    there = [line for line, _, _ in rows]
    faults = [(line, "is missing") for line in LINES if line not in there]
    faults += [(line, "is not a line of the list") for line in there if line not in LINES]
    faults += [(line, "stands there twice") for line in set(there) if there.count(line) > 1]
    for line, _, cell in rows:
        names = NAME.findall(cell)
        if not names and (line[0] != "H" or len(cell.strip()) < 10):
            faults.append((line, "names no test"))
        for name in names:
            if not exists(root, name, known):
                faults.append((line, f"there is no test {name}"))
    return faults


def main() -> int:
    faults = check(ROOT)
    for line, fault in faults:
        print(f"{PAPER}: {line}: {fault}")
    failed = len({line for line, _ in faults})
    print(f"{len(LINES) - min(failed, len(LINES))} passed, {failed} failed")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
