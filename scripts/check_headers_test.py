#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that check_headers.py looks for and see it caught."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import check_headers

FILE = "/** @file Planted. */\n#ifndef VMB_PLANTED_H\n#define VMB_PLANTED_H\n"
TYPES = "#include <vmbus/types.h>\nVMB_BEGIN_DECLS\n"
END = "VMB_END_DECLS\n#endif\n"
GOOD = "/**\n * Does f.\n *\n * Context: isr-ok.\n */\n"
SAME = "/**\n * Does g.\n *\n * Results and context as\n * vmb_f().\n */\n"
SILENT = "/** Does f. */\n"

# What the one fault's message has in it ("" for none), and the header's body.
CASES = [
    ("", ""),
    ("", GOOD + "VMB_NODISCARD int vmb_f(const struct vmb_guid *a,\n              int b);\n"),
    ("", GOOD + "int vmb_f(void);\n\n" + SAME + "int vmb_g(void);\n"),
    ("", "struct vmb_s {\n    int (*f)(void *vmb_context);\n};\n"),
    ("", GOOD + "VMB_INLINE int vmb_f(void)\n{\n    return 1;\n}\n"),
    ("vmb_f has no comment", "int vmb_f(void);\n"),
    ("vmb_f has no comment", GOOD + "\nint vmb_f(void);\n"),
    ("vmb_g has no comment", GOOD + "int vmb_f(void);\nint vmb_g(void);\n"),
    ('vmb_f has no "Context:"', SILENT + "int vmb_f(void);\n"),
    ('vmb_f has no "Context:"', SILENT + "VMB_NODISCARD vmb_gpa\nvmb_f(int a);\n"),
    ('vmb_f has no "Context:"', SILENT + "VMB_INLINE int vmb_f(void)\n{\n    return 1;\n}\n"),
    ("defines the macro PAGE_SIZE", "#define PAGE_SIZE 4096\n"),
]
WHOLE = [
    ("has no @file", "#ifndef VMB_PLANTED_H\n#define VMB_PLANTED_H\n#endif\n"),
    ("alone with gcc -std=c11", FILE + "typedef size_t vmb_size;\n#endif\n"),
    ("alone with g++ -std=c++17", FILE + TYPES + "extern int class;\n" + END),
    ("redefinition", "/** @file */\n#include <vmbus/types.h>\nstruct vmb_s {\n    int a;\n};\n"),
]


def faults_of(text: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vmb_planted.h"
        path.write_text(text)
        return check_headers.check(path, Path(folder))


def caught(message: str, text: str) -> bool:
    """A header that does not compile may say so once a compiler; any other fault comes alone."""
    faults = faults_of(text)
    alone = all("alone with" in fault for fault in faults) or len(faults) == 1
    good = alone and message in faults[0] if message and faults else not message and not faults
    if not good:
        print(f'wanted "{message}", got {faults}, for:\n{text}')
    return good


def main() -> int:
    results = [caught(message, FILE + TYPES + body + END) for message, body in CASES]
    results += [caught(message, text) for message, text in WHOLE]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
