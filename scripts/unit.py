#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build one variant of the tests, run them, count the cases: scripts/unit.py NAME [option...]

NAME is the folder, build/test/NAME. Options: --skip SUITE leaves a suite out, --plain-layout runs
each test without address randomisation where a sanitizer needs that; the rest goes to Meson.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parent.parent
CASE = re.compile(r"^(not ok|ok)\b[^#\n]*(# SKIP)?", re.MULTILINE)
RANDOM_BITS = Path("/proc/sys/vm/mmap_rnd_bits")


def build(folder: Path, options: list[str]) -> bool:
    command = [ROOT / "scripts/build.sh", folder, "-Dtests=enabled", "-Dasserts=true", *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def plain_layout() -> list[str]:
    """What to put before a program so that ThreadSanitizer finds its shadow memory free."""
    bits = int(RANDOM_BITS.read_text()) if RANDOM_BITS.exists() else 0
    if bits <= 28 or not shutil.which("setarch"):
        return []
    probe = subprocess.run(["setarch", "-R", "true"], capture_output=True, check=False)
    return ["--wrapper", "setarch -R"] if probe.returncode == 0 else []


def slow(options: list[str]) -> bool:
    """Emulated or instrumented: such programs get more time. Limits are for what hangs; a machine
    that others load may be ten times as slow, and that is no failure."""
    return any(option.startswith(("--cross-file", "-Db_sanitize")) for option in options)


def run(folder: Path, options: list[str]) -> list[dict[str, Any]]:
    """Run everything; Meson's record of each program."""
    log = folder / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    meson = "/usr/bin/meson" if Path("/usr/bin/meson").exists() else "meson"
    command = [meson, "test", "-C", str(folder), "--no-rebuild", "--print-errorlogs", *options]
    subprocess.run(command, cwd=ROOT, check=False)
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def cases(program: dict[str, Any]) -> Iterator[str]:
    """The outcome of each case of a program: passed, failed or skipped.

    Cases are the "ok" and "not ok" lines that cmocka writes; a program without any is one case.
    """
    found = [
        "skipped" if skip else "passed" if verdict == "ok" else "failed"
        for verdict, skip in CASE.findall(program.get("stdout", ""))
    ]
    yield from found
    if program["result"] == "OK" and not found:
        yield "passed"
    elif program["result"] == "SKIP" and not found:
        yield "skipped"
    elif program["result"] not in ("OK", "SKIP") and "failed" not in found:
        yield "failed"  # It crashed or hung between two cases.


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--skip", action="append", default=[])
    parser.add_argument("--plain-layout", action="store_true")
    arguments, options = parser.parse_known_args()
    folder = ROOT / "build/test" / arguments.name
    if not build(folder, options):
        return 1
    how = [word for suite in arguments.skip for word in ("--no-suite", suite)]
    how += plain_layout() if arguments.plain_layout else []
    how += ["--timeout-multiplier", "12" if slow(options) else "4"]
    outcomes = [outcome for program in run(folder, how) for outcome in cases(program)]
    passed, failed = outcomes.count("passed"), outcomes.count("failed")
    skipped = outcomes.count("skipped")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return int(failed != 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main())
