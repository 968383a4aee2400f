#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that check_man.py looks for and see it caught."""

from __future__ import annotations

import sys

from check_man import check

PAGE = ".Nm\n.Op Fl -plain\n.Bl\n.It Fl -plain\n.It Fl h , Fl -help\n.El\n.Dl other --fast\n"
HELP = "Usage: vmbus x [--plain]\n\n      --plain  plain --text\n  -h, --help   this\n"
TOP_PAGE = ".It Cm x\nSee\n.Xr vmbus-x 1 .\n.It Fl h , Fl -help\n.Sh SEE ALSO\n.Xr vmbus-x 1\n"
TOP_HELP = "Commands:\n  x    does it\n\nOptions:\n  -h, --help  this\n"
INSTALLED = "install_man('docs/man/x.1')"

# What the one fault's message has in it ("" for none), and the arguments.
CASES = [
    ("", PAGE, HELP, INSTALLED),
    ("", TOP_PAGE, TOP_HELP, INSTALLED),
    ("--seed is in --help only", PAGE, HELP + "      --seed N\n", INSTALLED),
    ("--seed is not in --help", PAGE + ".It Fl -seed Ar n\n", HELP, INSTALLED),
    ("the command y is missing", TOP_PAGE, TOP_HELP.replace("it\n", "it\n  y   too\n"), INSTALLED),
    ("the command x is missing", TOP_PAGE.replace("ALSO\n.Xr vmbus-x 1", ""), TOP_HELP, INSTALLED),
    ("does not install it", PAGE, HELP, INSTALLED.replace("x.1", "y.1")),
]


def caught(message: str, text: str, help_text: str, installed: str) -> bool:
    faults = check("x.1", text, help_text, installed)
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
