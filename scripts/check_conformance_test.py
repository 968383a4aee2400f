#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that check_conformance.py looks for and see it caught."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from check_conformance import PAPER, ROOT, check

TEST = "`guest_9_each_version_that_a_host_can_be_limited_to`"
FILE = "tests/versions/test_conformance_guest.c"
RUN = "cmocka_unit_test(guest_9_each_version_that_a_host_can_be_limited_to)"

# The line of the one fault and what its message has in it ("" for none), file, old, new.
CASES = [
    ("", "", PAPER, "# What an end", "# What each end"),
    ("G9", "is missing", PAPER, "| G9 |", "| g9 |"),
    ("H104", "not a line", PAPER, "| H103 |", "| H104 |"),
    ("G8", "twice", PAPER, "| G9 |", "| G8 |"),
    ("G9", "names no test", PAPER, TEST, "surely"),
    ("H14", "names no test", PAPER, "not ours to test: [porting.md](porting.md) says", "says"),
    ("G9", "there is no test", PAPER, TEST, "`guest_9_some_version`"),
    ("S8", "there is no test explore host-moves", PAPER, "explore host-move", "explore host-moves"),
    ("S3", "there is no test fuzz hosts", PAPER, "`fuzz host`", "`fuzz hosts`"),
    ("G9", "there is no test", FILE, RUN, "cmocka_unit_test(guest_3_flags_of_every_relid_at_random)"),
]


def caught(line: str, message: str, name: str, old: str, new: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ("tests", "explore/scenarios", "fuzz"):
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("corpus"))
        (root / "docs").mkdir()
        shutil.copy(ROOT / PAPER, root / PAPER)
        text = (root / name).read_text()
        if old not in text:
            print(f"{name} does not have {old!r} any more: plant something else")
            return False
        text = text.replace(old, new, 1)
        if line == "H14":  # Words, but too few of them.
            text = text.replace("says which number it is; the bare-metal port reads the register", "no")
        (root / name).write_text(text)
        faults = check(root)
    good = not faults if not line else any(line == at and message in what for at, what in faults)
    if not good:
        print(f'wanted {line} "{message}", got {faults}')
    return good


def main() -> int:
    results = [caught(*case) for case in CASES]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
