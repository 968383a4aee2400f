#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check each public header: it compiles alone as C11 and C++17 and freestanding, it defines no
macro outside our names, it says what it is (@file), and each function it declares has a comment
with a "Context:" line or the words "context as vmb_other()". Every header counts as one test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror".split()
COMPILERS = [
    ["gcc", "-std=c11", "-xc", "-Wshadow", "-Wstrict-prototypes"],
    ["clang", "-std=c11", "-xc", "-Wshadow", "-Wstrict-prototypes"],
    ["g++", "-std=c++17", "-xc++"],
    ["clang++", "-std=c++17", "-xc++"],
]
STANDARD = ["stdbool.h", "stddef.h", "stdint.h", "limits.h", "stdarg.h"]
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A function at file scope, with the comment that ends right before it.
FUNCTION = re.compile(
    r"(?P<comment>/\*\*(?:(?!\*/).)*\*/\n)?"
    r"^(?P<head>(?!typedef\b|#)[A-Za-z_][\w \t*]*\n?[\w \t*]*?\b(?P<name>vmb_\w+)\((?!\())",
    re.DOTALL | re.MULTILINE,
)


def compiler(arguments: list[str], text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*arguments, "-ffreestanding", f"-I{INCLUDE}", f"-I{folder}", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def check_compiles(name: str, folder: Path) -> Iterator[str]:
    """Twice, so that the guard works too."""
    text = f"#include <{name}>\n#include <{name}>\nextern int vmb_alone;\n"
    for base in COMPILERS:
        result = compiler([*base, *WARNINGS, "-fsyntax-only"], text, folder)
        if result.returncode != 0:
            yield f"alone with {' '.join(base)}:\n{result.stderr}"


def macros(text: str, folder: Path) -> set[str]:
    result = compiler(["gcc", "-std=c11", "-xc", "-dM", "-E"], text, folder)
    return set(re.findall(r"^#define (\w+)", result.stdout, re.MULTILINE))


def check_macros(name: str, folder: Path) -> Iterator[str]:
    standard = "".join(f"#include <{header}>\n" for header in STANDARD)
    text = f"{standard}#include <{name}>\n"
    for macro in sorted(macros(text, folder) - macros(standard, folder)):
        if not macro.startswith(("VMB_", "vmb_")):
            yield f"defines the macro {macro}"


def says_context(comment: str) -> bool:
    words = " ".join(comment.replace("*", " ").split())
    return "Context:" in words or re.search(r"\bcontext as vmb_\w+\(\)", words) is not None


def check_comments(text: str) -> Iterator[str]:
    if not re.search(r"/\*\*\s*\*? ?@file\b", text):
        yield "has no @file comment"
    for match in FUNCTION.finditer(text):
        inside = COMMENT.sub("", text[: match.start("head")])
        if inside.count("{") != inside.count("}"):
            continue  # A member of a struct or a line of a body.
        comment = match["comment"] or ""
        line = text.count("\n", 0, match.start("head")) + 1
        if not comment:
            yield f"line {line}: {match['name']} has no comment"
        elif not says_context(comment):
            yield f'line {line}: the comment of {match["name"]} has no "Context:" line'


def check(path: Path, folder: Path = INCLUDE) -> list[str]:
    """What is wrong with a header below folder."""
    name = path.relative_to(folder).as_posix()
    faults = [
        *check_compiles(name, folder),
        *check_macros(name, folder),
        *check_comments(path.read_text()),
    ]
    return [f"{name}: {fault}" for fault in faults]


def main() -> int:
    headers = sorted(INCLUDE.rglob("*.h"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, headers))
    for fault in (fault for faults in results for fault in faults):
        print(fault)
    failed = sum(bool(faults) for faults in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
