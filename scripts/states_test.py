#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that states.py looks for and see it caught."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from states import GUEST, HOST, PAPER, ROOT, check

CLOSE = "src/guest/vmb_guest_close.c"
GATE = "src/base/vmb_gate.h"
GPADL = "src/host/vmb_host_gpadl.c"
OPEN = "src/host/vmb_host_open.c"
FIRST = 'MOVE(VMBI_GPADL_FREE, VMBI_GPADL_IN_PROGRESS, "GpadlHeader")'
RAW = "channel->phase = "
TELLING = "PHASE_CLOSE_TELLING"

# What the one fault's message has in it ("" for none), the file, what is replaced by what.
CASES = [
    ("", PAPER, "# State machines", "# Machines"),
    ("not what the code does", PAPER, "Free --> Offered", "Free --> Open"),
    ("not what the code does", GUEST, '"connect or resume"', '"connect"'),
    ("not what the code does", GATE, "~VMBI_GATE_OPEN, VMB", "~5u, VMB"),
    ("no place for GATE", PAPER, "<!-- states: GATE -->", "<!-- states: GATES -->"),
    ("passes the list by", CLOSE, f"vmbi_channel_move(channel, {TELLING});", RAW + TELLING + ";"),
    ("passes the list by", OPEN, "vmbi_host_channel_move(channel, ", "channel->state = (1, "),
    ("no list leads to VMBI_GPADL_LOST", GPADL, "VMBI_GPADL_ACCEPTED);", "VMBI_GPADL_LOST);"),
    ("nothing moves to GPADL_LOST", GUEST, "(GPADL_REVOKED, GPADL_NONE", "(GPADL_REVOKED, GPADL_LOST"),
    ("cannot have : or ;", HOST, '"GpadlHeader"', '"GpadlHeader: new"'),
    ("stands there twice", HOST, FIRST, f"{FIRST} {FIRST}"),
]


def caught(message: str, name: str, old: str, new: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ("include", "src/base", "src/guest", "src/host"):
            shutil.copytree(ROOT / part, root / part)
        (root / "docs").mkdir()
        shutil.copy(ROOT / PAPER, root / PAPER)
        text = (root / name).read_text()
        if old not in text:
            print(f"{name} does not have {old!r} any more: plant something else")
            return False
        (root / name).write_text(text.replace(old, new, 1))
        faults = check(root)
    good = not faults if not message else any(message in fault for fault in faults)
    if not good:
        print(f'wanted "{message}", got {faults}, for {new!r} in {name}')
    return good


def main() -> int:
    results = [caught(*case) for case in CASES]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
