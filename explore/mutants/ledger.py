#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run all mutants and put their ledger into docs/PROOF.md, or see that what stands there is so.

    ledger.py BUILD_DIR [-j N]           find the killer of each, rewrite the ledger
    ledger.py BUILD_DIR [-j N] --check   the ledger's killers, each alone: does it still kill? Is each
                                         mutant of today's sources in the ledger, and nothing else?

BUILD_DIR holds explore-orders and explore-statements, as `ninja -C build` leaves them in
build/explore. The last line is "N mutants, N killed, 0 survived", and then the exit status is 0.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orders

ROOT = Path(__file__).resolve().parents[2]
STATEMENTS = Path(__file__).resolve().parent / "statements.list"
PAPER = ROOT / "docs" / "PROOF.md"
BEGIN, END = "<!-- ledger: begin -->", "<!-- ledger: end -->"
HEAD = "| Where | What is changed | Outcome |\n| --- | --- | --- |\n"
PARTS = 8  # Of each program's mutants: they are unequal, so more than there are cores.


def run(command: list[str]) -> list[str]:
    """The lines of the ledger that the program writes."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):  # 1 says that some survive; anything else that it broke.
        sys.exit(f"ledger: {' '.join(command)} ended with status {done.returncode}")
    return [line for line in done.stdout.splitlines() if line.startswith("| `")]


def key(line: str) -> str:
    """Where and what, without the outcome."""
    return "|".join(line.split("|")[1:3])


def today(programs: list[Path]) -> list[str]:
    """The mutants of today's sources, in the ledger's order."""
    keys = [key(line) for program in programs for line in run([str(program), "--list"])]
    double = sorted({name for name in keys if keys.count(name) > 1})
    if double:
        sys.exit(f"ledger: two mutants of one name: {double}")
    blocks = re.findall(r"^([a-z-]+): src/", STATEMENTS.read_text(), re.MULTILINE)
    places = subprocess.run([str(programs[0]), "--places"], stdout=subprocess.PIPE, text=True, check=True)
    unseen = orders.faults(ROOT, places.stdout.splitlines())
    if unseen:
        sys.exit("ledger: orders that no mutant weakens:\n" + "\n".join(unseen))
    lost = [name for name in blocks if not any(f"` {name} |" in key for key in keys)]
    if lost:
        sys.exit(f"ledger: the text of these is in the source no more; mend statements.list: {lost}")
    return keys


def outcomes(programs: list[Path], jobs: int, *arguments: str) -> dict[str, str]:
    """Run all mutants. The outcome of each."""
    commands = [
        [str(program), "--shard", f"{part}/{PARTS}", *arguments]
        for program in programs
        for part in range(1, PARTS + 1)
    ]
    lines: dict[str, str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for some in pool.map(run, commands):
            lines |= {key(line): line for line in some}
            print("\n".join(some), flush=True)
    return lines


def close(lines: dict[str, str]) -> tuple[str, bool]:
    killed = sum("killed by" in line for line in lines.values())
    survived = len(lines) - killed
    return f"{len(lines)} mutants, {killed} killed, {survived} survived", survived == 0


def rewrite(programs: list[Path], jobs: int) -> bool:
    order = today(programs)
    lines = outcomes(programs, jobs)
    last, good = close(lines)
    paper = PAPER.read_text()
    before, after = paper.split(BEGIN)[0], paper.split(END)[1]
    body = "\n".join(lines[name] for name in order)
    PAPER.write_text(f"{before}{BEGIN}\n{HEAD}{body}\n\n{last}\n{END}{after}")
    print(last)
    return good


def check(programs: list[Path], jobs: int) -> bool:
    body = PAPER.read_text().split(BEGIN)[1].split(END)[0]
    known = {key(line): line for line in body.splitlines() if line.startswith("| `")}
    names = set(today(programs))
    faults = [f"not in the ledger of docs/PROOF.md:{name}" for name in sorted(names - known.keys())]
    faults += [f"in that ledger, and no mutant of today:{name}" for name in sorted(known.keys() - names)]
    for fault in faults:
        print(fault)
    lines = outcomes(programs, jobs, "--known", str(PAPER))
    last, good = close(lines)
    total = re.search(r"^\d+ mutants, .*$", body, re.MULTILINE)
    if total is None or total.group() != last:
        faults.append("the sum")
        print(f"the ledger closes with: {total.group() if total else 'nothing'}")
    if faults:
        print("run `make mutants` to write the ledger anew")
    print(last)
    return good and not faults


def main() -> int:
    parser = argparse.ArgumentParser(description="The ledger of the mutants.")
    parser.add_argument("build", type=Path)
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    programs = [arguments.build / name for name in ("explore-orders", "explore-statements")]
    return 0 if (check if arguments.check else rewrite)(programs, arguments.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
