#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run all mutants and put their ledger into docs/PROOF.md, or see that it still stands there.

    ledger.py BUILD_DIR           run them, rewrite the ledger (half an hour of one core)
    ledger.py BUILD_DIR --check   no run: is each mutant of today's sources in the ledger, and is none
                                  in it that survived?

BUILD_DIR holds explore-orders and explore-statements, as `ninja -C build` leaves them in build/explore.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAPER = Path(__file__).resolve().parents[2] / "docs" / "PROOF.md"
BEGIN, END = "<!-- ledger: begin -->", "<!-- ledger: end -->"
HEAD = "| Where | What is changed | Outcome |\n| --- | --- | --- |\n"
SUM = re.compile(r"(\d+) mutants, (\d+) killed, (\d+) kept, (\d+) survived")


def run(program: Path, *arguments: str) -> list[str]:
    # Status 1 says that some survive; anything else that it broke.
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"ledger: {program.name} ended with status {done.returncode}")
    return done.stdout.splitlines()


def key(line: str) -> str:
    """Where and what, without the outcome."""
    return "|".join(line.split("|")[1:3])


def ledger(paper: str) -> list[str]:
    body = paper.split(BEGIN)[1].split(END)[0]
    return [line for line in body.splitlines() if line.startswith("| `")]


def rewrite(programs: list[Path]) -> int:
    lines: list[str] = []
    total = [0, 0, 0, 0]
    for program in programs:
        for line in run(program):
            found = SUM.match(line)
            if found:
                total = [a + int(b) for a, b in zip(total, found.groups())]
            else:
                print(line, flush=True)
                lines.append(line)
    last = f"{total[0]} mutants, {total[1]} killed, {total[3]} survived"
    if total[2]:
        last = f"{total[0]} mutants, {total[1]} killed, {total[2]} kept, {total[3]} survived"
    paper = PAPER.read_text()
    before, after = paper.split(BEGIN)[0], paper.split(END)[1]
    PAPER.write_text(f"{before}{BEGIN}\n{HEAD}" + "\n".join(lines) + f"\n\n{last}\n{END}{after}")
    print(last)
    return 1 if total[3] else 0


def check(programs: list[Path]) -> int:
    known = {key(line): line for line in ledger(PAPER.read_text())}
    today = {key(line) for program in programs for line in run(program, "--list")}
    faults = [f"not in the ledger: {name}" for name in sorted(today - known.keys())]
    faults += [f"in the ledger, and gone: {name}" for name in sorted(known.keys() - today)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def main() -> int:
    programs = [Path(sys.argv[1]) / name for name in ("explore-orders", "explore-statements")]
    return check(programs) if "--check" in sys.argv[2:] else rewrite(programs)


if __name__ == "__main__":
    sys.exit(main())
