#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Would the fuzz targets see it? Put a bug into a source and replay the corpora: they must stop.

Each line of fuzz/seeded.list names a target and a bug, a sed expression on a source. The source is
compiled anew and linked into the target before the library, whose own object is then not taken; the
corpus that passes without the bug must fail with it. No luck is needed, so it takes a second each.
scripts/fuzz_seeded.py [TARGET...]; closes with "N passed, N failed".
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/fuzz"
OUT = ROOT / "build/fuzz-seeded"
LIMIT_SECONDS = 900  # For what hangs; a machine that others load may be ten times as slow.


def link_command(target: str) -> list[str]:
    done = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", f"fuzz/fuzz_{target}"],
                          capture_output=True, text=True, check=True)
    return shlex.split(done.stdout.strip().split("\n")[-1])


def compile_command(target: str, file: str) -> list[str]:
    """As the library of this target is compiled."""
    library = "toctou" if target.endswith("_toctou") else "libvmbus.a.p"
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if entry["file"].endswith(f"/src/{file}") and library in entry["output"]:
            return shlex.split(entry["command"])
    sys.exit(f"fuzz_seeded: src/{file} is not of the library")


def corpora(target: str) -> list[Path]:
    done = subprocess.run([ROOT / "scripts/fuzz_corpora.sh", target],
                          capture_output=True, text=True, check=True)
    return [ROOT / line for line in done.stdout.split()]


def build(number: int, target: str, file: str, bug: str) -> Path | None:
    """The target with the bug; nothing if the bug is none."""
    source, program = OUT / f"{number}.c", OUT / f"{target}-{number}"
    text = (ROOT / "src" / file).read_text()
    changed = subprocess.run(["sed", bug], input=text, capture_output=True, text=True, check=True)
    if changed.stdout == text:
        return None
    source.write_text(changed.stdout)
    command = compile_command(target, file)
    command = command[: command.index("-MD")]
    subprocess.run([*command, "-w", "-o", OUT / f"{number}.o", "-c", source], cwd=BUILD, check=True)
    command = link_command(target)
    command[command.index("-o") + 1] = str(program)
    archive = next(at for at, word in enumerate(command) if word.endswith(".a"))
    command.insert(archive, str(OUT / f"{number}.o"))
    subprocess.run(command, cwd=BUILD, check=True)
    return program


def try_one(number: int, target: str, file: str, bug: str) -> bool:
    program = build(number, target, file, bug)
    text = f"{target:24} src/{file}"
    if program is None:
        print(f"{text}: the expression changes nothing", flush=True)
        return False
    options = ["-runs=0", "-verbosity=0", f"-artifact_prefix={OUT}/"]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    with (OUT / f"{number}.log").open("w") as log:
        status = subprocess.call([program, *options, *corpora(target)], env=environment,
                                 stdout=log, stderr=log, timeout=LIMIT_SECONDS)
    print(f"{text}: {'found' if status else 'NOT FOUND'}", flush=True)
    return status != 0


def main(wanted: list[str]) -> int:
    subprocess.run([ROOT / "scripts/fuzz_build.sh"], check=True)
    OUT.mkdir(parents=True, exist_ok=True)
    tries = []
    for number, line in enumerate((ROOT / "fuzz/seeded.list").read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            target, file, bug = line.split(None, 2)
            if not wanted or target in wanted:
                tries.append((number, target, file, bug))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda one: try_one(*one), tries))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
