#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that check_docs.py looks for and see it caught."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from check_docs import check

PROGRAM = "```c\n#include <vmbus/types.h>\nint main(void)\n{\n    return %s;\n}\n```\n"

# What the one fault's message has in it ("" for none), and the file's text.
CASES = [
    ("", "# A heading: `code`, more\n[here](#a-heading-code-more) [there](other.md#there)\n"),
    ("", "[out](https://example.org/x) `[not](a-link)`\n```\n[nor](this)\n```\n"),
    ("", "`src/base/vmb_text.c`, `sim`, `vmbus/types.h`, `build/nothing.txt`, `tests/<suite>/x.c`\n"),
    ("there is no src/guest/vmb_gate.h", "The gate (`src/guest/vmb_gate.h`).\n"),
    ("", PROGRAM % "(int)VMB_PAGE_SHIFT"),
    ("", "```c\nint fragment(\n```\n"),
    ("leads nowhere", "See [this](gone.md).\n"),
    ("leads to no heading", "# Here\n[x](#there)\n"),
    ("leads to no heading", "[x](other.md#here)\n"),
    ("does not compile", PROGRAM % "VMB_NO_SUCH_THING"),
    ("", "<!-- same.c -->\n```c\nint same;\n```\n"),
    ("is not same.c any more", "<!-- same.c -->\n```c\nint other;\n```\n"),
    ("", "<!-- long.c -->\n```c\nint a;\n/* … */\nint c;\n```\n"),
    ("is not long.c any more", "<!-- long.c -->\n```c\nint a;\nint c;\n/* … */\nint c;\n```\n"),
    ("is not long.c any more", "<!-- long.c -->\n```c\nint c;\n/* … */\nint a;\n```\n"),
    ("is not long.c any more", "<!-- long.c -->\n```c\nnt a;\n/* … */\nint c;\n```\n"),
    ("which is not there", "<!-- gone.c -->\n```c\nint same;\n```\n"),
]


def caught(message: str, text: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "other.md").write_text("## There\n")
        (Path(folder) / "long.c").write_text("int a;\nint b;\nint c;\n")
        (Path(folder) / "same.c").write_text("int same;\n")
        path = Path(folder) / "planted.md"
        path.write_text(text)
        faults = check(path)
    good = not faults if not message else len(faults) == 1 and message in faults[0]
    if not good:
        print(f'wanted "{message}", got {faults}, for:\n{text}')
    return good


def main() -> int:
    results = [caught(*case) for case in CASES]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
