#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compile the library as a kernel would, for each machine, and look at what comes out.

Per machine one test: every source compiles without a warning, nothing is undefined but the four
memory functions, there is no writable data, and every global symbol is vmb_… or vmbi_…. With
--sizes it also prints how big the code is. Machines can be named on the command line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build/test/freestanding"
FLAGS = (
    "-std=c11 -ffreestanding -fno-stack-protector -O2 -Iinclude -Isrc "
    "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wundef -Werror "
    "-Wstrict-prototypes -Wmissing-prototypes"
).split()
OURS = ("vmb_", "vmbi_")
WINDOWS_STRING = "??_C@"  # Strings that its linker merges are global there.
MEMORY = {"memcpy", "memmove", "memset", "memcmp"}
WRITABLE = re.compile(r"^\.(data|bss|sdata|sbss|tdata|tbss|ldata|lbss|init_array|ctors)\b")


@dataclass(frozen=True)
class Machine:
    name: str
    compiler: str
    flags: list[str]
    tools: str  # What stands before nm and size.


def gcc(name: str, prefix: str, flags: str) -> Machine:
    return Machine(name, prefix + "gcc", ["-fno-pic", *flags.split()], prefix)


def clang(name: str, target: str, flags: str) -> Machine:
    arguments = ["-target", target, "-fno-pic", *flags.split()]
    return Machine(name, "clang", arguments, "x86_64-linux-gnu-")


X86_64 = "-mno-red-zone -mgeneral-regs-only"
AARCH64 = "-mgeneral-regs-only -mno-outline-atomics -mstrict-align"
MACHINES = [
    gcc("x86_64", "x86_64-linux-gnu-", f"{X86_64} -mcmodel=kernel"),
    gcc("x86_64-debug", "x86_64-linux-gnu-", f"{X86_64} -DVMB_DEBUG"),
    gcc("x86_64-small", "x86_64-linux-gnu-", f"{X86_64} -Os"),
    clang("x86_64-clang", "x86_64-linux-gnu", "-mcmodel=kernel -mno-red-zone -mno-sse"),
    clang("x86_64-uefi", "x86_64-unknown-windows", "-mno-sse -mno-stack-arg-probe"),
    clang("x86_64-shared", "x86_64-linux-gnu", "-DVMB_CHECK_SHARED"),
    gcc("i386", "i686-linux-gnu-", "-mgeneral-regs-only"),
    gcc("aarch64", "aarch64-linux-gnu-", AARCH64),
    gcc("riscv64", "riscv64-linux-gnu-", "-mcmodel=medany"),
    gcc("s390x", "s390x-linux-gnu-", "-msoft-float"),
]


def sources() -> list[str]:
    lines = (ROOT / "sources.list").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def tool(*command: str | Path) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def compile_one(machine: Machine, source: str) -> tuple[Path, str]:
    """The object and what the compiler had to say."""
    target = OUTPUT / machine.name / (Path(source).stem + ".o")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [machine.compiler, *FLAGS, *machine.flags, "-c", source, "-o", str(target)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return target, result.stderr if result.returncode != 0 else ""


def symbols(machine: Machine, objects: list[Path]) -> Iterator[tuple[str, str, str]]:
    """Type letter, name and object of each global symbol."""
    for path in objects:
        for line in tool(machine.tools + "nm", "-g", path).splitlines():
            words = line.split()
            if len(words) in (2, 3):
                yield words[-2], words[-1], path.stem


def check_symbols(machine: Machine, objects: list[Path]) -> Iterator[str]:
    found = list(symbols(machine, objects))
    defined = {name for kind, name, _ in found if kind not in "Uw"}
    faults: dict[str, set[str]] = {}  # What is wrong, and "symbol in object".
    for kind, name, where in found:
        if kind in "Uw" and name not in defined | MEMORY:
            ours = name.startswith(OURS)
            what = "in no file of sources.list" if ours else "a kernel may not have"
        elif kind not in "Uw" and not name.startswith((*OURS, WINDOWS_STRING)):
            what = "a global symbol outside our names"
        elif kind == "C":
            what = "writable data"
        else:
            continue
        faults.setdefault(what, set()).add(f"{name} in {where}")
    for what, places in faults.items():
        yield f"{what}: {', '.join(sorted(places))}"


def sections(machine: Machine, objects: list[Path]) -> Iterator[tuple[Path, str, int]]:
    for path in objects:
        for line in tool(machine.tools + "size", "-A", path).splitlines():
            words = line.split()
            if len(words) == 3 and words[1].isdigit():
                yield path, words[0], int(words[1])


def check_data(machine: Machine, objects: list[Path]) -> Iterator[str]:
    for path, name, size in sections(machine, objects):
        if WRITABLE.match(name) and size != 0:
            yield f"{path.stem}: {size} bytes of writable data in {name}"


def code_bytes(machine: Machine) -> int:
    objects = sorted((OUTPUT / machine.name).glob("*.o"))
    return sum(n for _, name, n in sections(machine, objects) if name.startswith(".text"))


def check(machine: Machine, listed: list[str], pool: ThreadPoolExecutor) -> list[str]:
    """What is wrong with these sources on this machine."""
    if not shutil.which(machine.compiler):
        return [f"no {machine.compiler}: run scripts/setup.sh test"]
    shutil.rmtree(OUTPUT / machine.name, ignore_errors=True)
    results = list(pool.map(lambda source: compile_one(machine, source), listed))
    faults = [text for _, text in results if text]
    if faults:
        return faults
    objects = [path for path, _ in results]
    return [*check_symbols(machine, objects), *check_data(machine, objects)]


def main(arguments: list[str]) -> int:
    sizes = "--sizes" in arguments
    wanted = [name for name in arguments if not name.startswith("--")]
    machines = [m for m in MACHINES if not wanted or m.name in wanted]
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for machine in machines:
            faults = check(machine, sources(), pool)
            failed += bool(faults)
            for fault in faults:
                print(f"{machine.name}: {fault}")
            if sizes and not faults:
                print(f"{machine.name:14} {code_bytes(machine):8} bytes of code")
    print(f"{len(machines) - failed} passed, {failed} failed")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
