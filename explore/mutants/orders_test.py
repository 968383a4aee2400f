#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that orders.py looks for and see it caught."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import orders

LOAD = "x = vmb_atomic_load(&a, VMB_ACQUIRE);\n"
CAS = "vmb_atomic_compare_exchange(&a, &b, c,\n    VMB_ACQ_REL, VMB_ACQUIRE);\n"
FENCE = "vmb_atomic_fence_after_change();\n"
SEEN = ["a.c acquire relaxed"]

# What the one fault's message has in it ("" for none), a source, what the program knows of it.
CASES = [
    ("", LOAD, SEEN),
    ("", CAS, ["a.c acq_rel acquire"]),
    ("", FENCE, ["a.c seq_cst relaxed"]),
    ("", "x = vmb_atomic_load(&a, VMB_RELAXED);\n", []),
    ("", "/* VMB_ACQUIRE,\n volatile */ // VMB_RELEASE\nsay(\"asm volatile\");\n", []),
    ("1 orders `acquire`", LOAD, []),
    ("2 orders `acquire`", LOAD + LOAD, SEEN),
    ("0 orders `acquire`", "", SEEN),
    ("1 orders `acquire`", CAS, ["a.c acq_rel relaxed"]),
    ("1 orders `seq_cst`", FENCE, []),
    ("`volatile` goes round", "volatile int x;\n", []),
    ("`__atomic_load_n` goes round", "x = __atomic_load_n(&a, 2);\n", []),
    ("`__asm__` goes round", "__asm__(\"mfence\");\n", []),
]


def caught(message: str, text: str, places: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "src").mkdir()
        (root / "include/vmbus/platform").mkdir(parents=True)
        (root / "include/vmbus/platform/atomic.h").write_text("volatile " + LOAD)
        (root / "src/a.c").write_text(text)
        found = orders.faults(root, places)
    good = len(found) == 1 and message in found[0] if message else not found
    if not good:
        print(f'wanted "{message}", got {found}, for:\n{text}')
    return good


def main() -> int:
    failed = sum(not caught(*case) for case in CASES)
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
