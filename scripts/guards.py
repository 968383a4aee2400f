#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What speed is made of and does not depend on the machine: instructions, locked operations, lines
of cache that two cores take from each other, lines that an interrupt touches, bytes of memory and of
code. Each has a bound.

    guards.py [OUTPUT_DIR]     default: build/test/guards

A bound is the target where it is met. Where it is not, it is what was reached, so that it gets no
worse, and the target stands beside it. Needs gcc, clang and valgrind.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import code_size

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["-std=c11", "-D_GNU_SOURCE", f"-I{ROOT}", "-O2"]
TIMES = 2000

# What, bound, target.
INSTRUCTIONS = [
    ("dispatch:1:0", "an idle interrupt, 1 channel", 15, 15),
    ("by-number", "the same, the VP found by its number", 23, None),
    ("dispatch:64:0", "an idle interrupt, 64 channels", 25, None),
    ("dispatch:2047:0", "an idle interrupt, 2047 channels", 100, 100),
    ("dispatch:64:8", "8 events of 64 channels", 376, None),
    ("dispatch:2047:255", "255 events of 2047 channels", 6700, None),
    ("dispatch:2047:2047", "2047 events", 43500, None),
    ("ring:1", "a packet of 16 bytes, sent and received", 180, 180),
    ("ring:32", "the same in batches of 32", 92, 95),
    ("endpoint:one", "a packet of 16 bytes, from endpoint to endpoint", 218, None),
    ("endpoint:staged", "the same, staged one by one in batches of 32", 139, None),
    ("endpoint:burst", "the same in bursts of 32", 93, 95),
]
LOCKED = [
    ("dispatch:2047:0", "an idle interrupt, 2047 channels", 0.01, 0),
    ("dispatch:64:8", "8 events in one word", 1.01, 1),
    ("dispatch:2047:255", "255 events in 32 words", 32.01, 32),
    ("dispatch:2047:2047", "2047 events in 32 words", 32.01, 32),
    ("ring:32", "a packet, in batches of 32", 0.07, None),
]
TRANSFERS = [
    ("ring:1", "a packet", 3.01, 3.01),
    ("ring:32", "a packet, in batches of 32", 0.1, 0.1),
]
# All that the dispatch itself reads and writes, handlers and stack apart.
TOUCHED = [
    ("dispatch:1:0", "an idle interrupt, 1 channel", 3, None),
    ("dispatch:2047:0", "an idle interrupt, 2047 channels", 6, None),
    ("dispatch:1:1", "1 event of 1 channel", 6, None),
    ("dispatch:64:63", "63 events of 64 channels", 24, None),
    ("dispatch:2047:255", "255 events of 2047 channels", 393, None),
    ("dispatch:2047:2047", "2047 events", 650, None),
]
MEMORY = ("2047 channels open, 4 VPs, without the rings", 1_160_000, 1_258_291)
# What, code (.text), and code with constants (.rodata). See code_size.py.
CODE = [
    ("all that a guest without drivers can call", (32_768, 32_768), (45_600, None)),
    ("what a linker keeps for a normal life", (20_500, 32_768), (22_600, 32_768)),
]


def link(objects: list[Path], program: Path) -> Path:
    subprocess.run(["gcc", *objects, "-o", program], check=True)
    return program


def instructions(program: Path, work: str) -> float:
    """A round's, by the difference of two runs: what comes before and after falls out."""
    totals = []
    for times in (TIMES, 2 * TIMES):
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, work, str(times)],
            capture_output=True, text=True, check=True)
        totals.append(int(re.search(r"Collected : (\d+)", done.stderr).group(1)))
    return (totals[1] - totals[0]) / TIMES


def counted(program: Path, work: str) -> tuple[float, float, int]:
    out = subprocess.run([program, work, "6400"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"locked ([\d.]+) transfers ([\d.]+) touched (\d+)", out)
    return float(found.group(1)), float(found.group(2)), int(found.group(3))


def link_traced(counted_objects: list[Path], flags: list[str], program: Path) -> Path:
    """The same, with each plain access of the dispatch counted as well as its atomic ones."""
    source = ROOT / "src/guest/vmb_guest_dispatch.c"
    traced = program.with_suffix(".o")
    subprocess.run(
        ["clang", *flags, "-fsanitize-coverage=edge,inline-8bit-counters,trace-loads,trace-stores",
         f"-I{ROOT}/include", f"-I{ROOT}/src", "-c", source, "-o", traced], check=True)
    return link([traced, *(path for path in counted_objects if path.stem != source.stem)], program)


def main() -> int:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/test/guards"
    bench = ROOT / "tools/vmbus/bench"
    speed = ROOT / "tests/speed"
    extra = [speed / "guard.c", speed / "guard_endpoint.c", bench / "bench_guest.c", bench / "bench_system.c"]
    sources = code_size.library_sources() + extra
    plain = link(code_size.compile_each(out / "plain", sources, FLAGS), out / "guard")
    counting = [*FLAGS, "-DVMB_OVERRIDE_ATOMIC", f"-I{ROOT}/tests/speed/include"]
    objects = code_size.compile_each(out / "counted", sources, counting)
    counter = link(objects, out / "guard-counted")
    tracer = link_traced(objects, counting, out / "guard-traced")
    passed = failed = 0

    def judge(kind: str, what: str, value: float, bound: float, target: float | None) -> None:
        nonlocal passed, failed
        good = value <= bound
        passed, failed = passed + good, failed + (not good)
        wish = "" if target is None or value <= target else f", target {target:g}: not reached"
        print(f"{'' if good else 'FAILED '}{kind}: {what}: {value:g}, bound {bound:g}{wish}")

    harness = instructions(plain, "no-interrupt")
    for work, what, bound, target in INSTRUCTIONS:
        idle = re.fullmatch(r"dispatch:\d+:0|by-number", work)
        judge("instructions", what, instructions(plain, work) - (harness if idle else 0), bound, target)
    for work, what, bound, target in LOCKED:
        judge("locked operations", what, counted(counter, work)[0], bound, target)
    for work, what, bound, target in TRANSFERS:
        judge("line transfers", what, counted(counter, work)[1], bound, target)
    for work, what, bound, target in TOUCHED:
        judge("lines touched", what, counted(tracer, work)[2], bound, target)
    said = subprocess.run([plain, "memory"], capture_output=True, text=True, check=True).stdout
    judge("memory", MEMORY[0], float(said.split()[1]), *MEMORY[1:])
    sizes = code_size.measure(out / "small")
    for (what, code, both), size in zip(CODE, sizes):
        judge("code", what, size.code, *code)
        judge("code and constants", what, size.code + size.constants, *both)
    judge("code", "things linked that a normal life does not use", len(sizes[1].unused()), 0, 0)
    judge("code", "such things that are nowhere", len(code_size.UNUSED - sizes[0].unused()), 0, 0)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
