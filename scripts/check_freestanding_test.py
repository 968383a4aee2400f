#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that check_freestanding.py looks for and see it caught."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check_freestanding import MACHINES, check

# What the fault's message has in it ("" for none), the machine, the source.
CASES = [
    ("", "x86_64", "int vmb_f(void);\nint vmb_f(void)\n{\n    return 1;\n}"),
    ("", "s390x", "extern const int vmb_table[2];\nconst int vmb_table[2] = {1, 2};"),
    ("in no file of sources.list: vmb_g", "x86_64", "int vmb_g(void);\nint vmb_f(void);\n"
     "int vmb_f(void)\n{\n    return vmb_g();\n}"),
    ("may not have: puts", "aarch64", "int puts(const char *);\nint vmb_f(void);\n"
     "int vmb_f(void)\n{\n    return puts(\"\");\n}"),
    ("may not have: __udivdi3", "i386", "unsigned long long vmb_f(unsigned long long a);\n"
     "unsigned long long vmb_f(unsigned long long a)\n{\n    return a / 1000003u;\n}"),
    ("outside our names: f", "riscv64", "int f(void);\nint f(void)\n{\n    return 1;\n}"),
    ("writable data", "x86_64", "extern int vmb_x;\nint vmb_x = 1;"),
    ("writable data", "riscv64", "int vmb_f(void);\nint vmb_f(void)\n{\n    static int n;\n"
     "    return ++n;\n}"),
    ("writable data", "x86_64-uefi", "extern int vmb_x;\nint vmb_x;"),
    ("[-Werror=missing-prototypes]", "x86_64", "int vmb_f(void)\n{\n    return 1;\n}"),
    ("[-Werror=conversion]", "i386", "char vmb_f(int a);\nchar vmb_f(int a)\n{\n    return a;\n}"),
    ("noderef", "x86_64-shared", "#include <vmbus/types.h>\nint vmb_f(int VMB_SHARED *p);\n"
     "int vmb_f(int VMB_SHARED *p)\n{\n    return *p;\n}"),
]  # fmt: skip


def caught(message: str, machine_name: str, text: str, pool: ThreadPoolExecutor) -> bool:
    machine = next(machine for machine in MACHINES if machine.name == machine_name)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "vmb_planted.c"
        source.write_text(text + "\n")
        faults = check(machine, [str(source)], pool)
    good = not faults if not message else len(faults) == 1 and message in faults[0]
    if not good:
        print(f'{machine_name}: wanted "{message}", got {faults}, for:\n{text}')
    return good


def main() -> int:
    with ThreadPoolExecutor() as pool:
        results = [caught(*case, pool) for case in CASES]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
