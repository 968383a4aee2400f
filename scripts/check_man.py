#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the manual pages against the tool: scripts/check_man.py TOOL. A page is one test.

Each command has a page with the options that its --help has, no more and no fewer; vmbus(1) names
each command and refers to its page; and each page is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = "docs/man"
INSTALLED = "tools/vmbus/meson.build"
IN_HELP = re.compile(r"^ +(?:-\w, )?(--[a-z][a-z-]*)", re.MULTILINE)
IN_PAGE = re.compile(r"^\.(?:It|Op|Fl|Nm)\b.*$", re.MULTILINE)
FLAG = re.compile(r"\bFl -([a-z][a-z-]*)")
COMMAND = re.compile(r"^  ([a-z]+) ", re.MULTILINE)


def help_of(tool: str, *command: str) -> str:
    words = [tool, *command, "--help"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def commands(text: str) -> list[str]:
    return COMMAND.findall(text.partition("Commands:\n")[2].partition("\n\n")[0])


def check(page: str, text: str, help_text: str, installed: str) -> list[str]:
    """What is wrong with a page of that name and text, of what prints that help."""
    told = set(IN_HELP.findall(help_text))
    written = {f"--{name}" for line in IN_PAGE.findall(text) for name in FLAG.findall(line)}
    faults = [f"{name} is in --help only" for name in sorted(told - written)]
    faults += [f"{name} is not in --help" for name in sorted(written - told)]
    for name in commands(help_text):
        if f".It Cm {name}\n" not in text or text.count(f".Xr vmbus-{name} 1") < 2:
            faults.append(f"the command {name} is missing, or its page in SEE ALSO")
    if f"/{page}'" not in installed:
        faults.append(f"{INSTALLED} does not install it")
    return faults


def main(tool: str) -> int:
    installed = (ROOT / INSTALLED).read_text()
    helps = {"vmbus.1": help_of(tool)}
    for name in commands(helps["vmbus.1"]):
        helps[f"vmbus-{name}.1"] = help_of(tool, name)
    pages = {path.name: path.read_text() for path in (ROOT / PAGES).glob("*.1")}
    failed = 0
    for page in sorted(pages.keys() | helps.keys()):
        if page not in pages:
            faults = ["there is no such page"]
        elif page not in helps:
            faults = ["the tool has no such command"]
        else:
            faults = check(page, pages[page], helps[page], installed)
        for fault in faults:
            print(f"{PAGES}/{page}: {fault}")
        failed += bool(faults)
    print(f"{len(pages.keys() | helps.keys()) - failed} passed, {failed} failed")
    return int(failed != 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: check_man.py TOOL")
    sys.exit(main(sys.argv[1]))
