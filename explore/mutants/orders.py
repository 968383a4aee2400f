# SPDX-License-Identifier: MIT
"""Is each order that stands in the library's text one that the mutants weaken?

The mutants find the orders by the hooks that the explorer compiles into the library. An order in a
part that is not compiled there, or that goes round the hooks, would be in no ledger; this counts
what the text says and compares.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

FOLDERS = ("src", "include")
HOOKS = "platform/atomic.h"  # What the explorer replaces.
ORDERS = {"ACQUIRE": "acquire", "RELEASE": "release", "ACQ_REL": "acq_rel", "SEQ_CST": "seq_cst"}
ORDER = re.compile(r"\bVMB_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)\b|\bvmb_atomic_(fence_after_change)\(")
BYPASS = re.compile(r"\b(__atomic_\w+|__sync_\w+|_Atomic|atomic_\w+_explicit|volatile|__volatile__|"
                    r"__asm__|asm|stdatomic)\b")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)

# Orders and ways round that no execution of the explorer can show: (file, what): (count, reason).
UNEXPLORED: dict[tuple[str, str], tuple[int, str]] = {}

Orders = Counter[tuple[str, str]]


def texts(root: Path) -> dict[str, str]:
    """The library's code, by file, without comments and strings."""
    paths = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.[ch]"))]
    return {path.name: COMMENT.sub(" ", path.read_text())
            for path in paths if not path.as_posix().endswith(HOOKS)}


def written(code: dict[str, str]) -> Orders:
    """How often each order stands in each file."""
    return Counter((name, ORDERS.get(order, "seq_cst"))
                   for name, text in code.items() for order, _ in ORDER.findall(text))


def weakened(places: list[str]) -> Orders:
    """The same as the program has it: lines "file order failure-order"."""
    parts = [line.split() for line in places]
    return Counter((name, order) for name, *both in parts for order in both if order != "relaxed")


def faults(root: Path, places: list[str]) -> list[str]:
    code = texts(root)
    text, program = written(code), weakened(places)
    result = []
    for name, order in sorted(text.keys() | program.keys()):
        spared = UNEXPLORED.get((name, order), (0, ""))[0]
        if text[name, order] != program[name, order] + spared:
            result.append(f"{name}: {text[name, order]} orders `{order}` in the text, of which the "
                          f"mutants know {program[name, order]} and {spared} are spared")
    for name, file in sorted(code.items()):
        for word, count in sorted(Counter(BYPASS.findall(file)).items()):
            if count != UNEXPLORED.get((name, word), (0, ""))[0]:
                result.append(f"{name}: `{word}` goes round {HOOKS}: the explorer does not see it")
    return result
