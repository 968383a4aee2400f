#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check each .md file: its links lead somewhere, files that it names are there, and its C programs
compile. A file is one test.

A program is a ```c block that includes a header of ours; fragments are left alone. One that follows
a comment `<!-- path -->` is a copy of that file, which the tests run: what stands between its lines
`/* … */`, or all of it, must stand in the file in this order.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from check_rooms import files

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OURS = re.compile(r"^#include <vmbus/", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COPY = re.compile(r"^<!-- (\S+) -->\n+```c\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"`([\w.-]+/[\w./-]+)`")  # `src/base/vmb_gate.h`
GAP = re.compile(r"^ */\* … \*/\n", re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
COMPILE = "-xc -std=c11 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -Iinclude -".split()


def prose(text: str) -> str:
    """The text without code, which may look like links."""
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    """What a link's #fragment may be: headings as web pages spell them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


def check_links(path: Path, text: str) -> Iterator[str]:
    for link in LINK.findall(prose(text)):
        if re.match(r"[a-z]+:", link):
            continue  # Elsewhere.
        name, _, fragment = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists():
            yield f"the link {link} leads nowhere"
        elif fragment and target.suffix == ".md" and fragment not in anchors(target.read_text()):
            yield f"the link {link} leads to no heading"


def check_names(text: str) -> Iterator[str]:
    """Paths from the root, in code: those that begin with a folder of ours."""
    for name in NAMED.findall(BLOCK.sub("", text)):
        if (ROOT / name.split("/")[0]).is_dir() and not name.startswith("build/"):
            if not (ROOT / name).exists():
                yield f"there is no {name}"


def check_programs(text: str) -> Iterator[str]:
    for match in BLOCK.finditer(text):
        if match[1] != "c" or not OURS.search(match[2]):
            continue
        line = text.count("\n", 0, match.start()) + 1
        command = ["cc", *COMPILE, "-Iexamples/hello"]
        result = subprocess.run(
            command, cwd=ROOT, input=match[2], capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            yield f"line {line}: the program does not compile:\n{result.stderr}"


def is_copy(program: str, source: str) -> bool:
    parts = GAP.split(program)
    if len(parts) == 1:
        return program == source
    at = 0
    for part in parts:
        at = f"\n{source}".find(f"\n{part}", at)
        if at < 0 or not part:
            return False
        at += len(part)
    return True


def check_copies(path: Path, text: str) -> Iterator[str]:
    for name, program in COPY.findall(text):
        source = path.parent / name
        if not source.exists():
            yield f"the program is said to be {name}, which is not there"
        elif not is_copy(program, source.read_text()):
            yield f"the program is not {name} any more"


def check(path: Path) -> list[str]:
    text = path.read_text()
    parts = [check_links(path, text), check_names(text), check_programs(text)]
    return [fault for part in [*parts, check_copies(path, text)] for fault in part]


def main() -> int:
    failed = passed = 0
    for path in files(ROOT):
        if path.suffix != ".md":
            continue
        faults = check(path)
        for fault in faults:
            print(f"{path.relative_to(ROOT)}: {fault}")
        failed += bool(faults)
        passed += not faults
    print(f"{passed} passed, {failed} failed")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
