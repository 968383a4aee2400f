#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the tests reach of src/: lines and branches by room, and the branches that nothing took.

A branch is one outcome of one condition of the source, as clang counts them: `a && b` has four.
Assertions are compiled out: they are for our own mistakes, which no test makes. What cannot be
taken stands in tests/coverage.exceptions, with the reason, and does not count; a line there that
names no condition any more, or one that is taken now, is a failure, as is a share below the bar.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build/coverage"
EXCEPTIONS = ROOT / "tests/coverage.exceptions"
BAR_PERCENT = 95.5
FUZZ_BAR_PERCENT = 83.0
SUITES = ("unit", "versions", "play")
EXCEPTION = re.compile(r"^(src/\S+) (\w+|\*) (true|false) `(.+)`: (\S.*)$")


@dataclass(frozen=True)
class Branch:
    """One outcome of one condition."""

    path: str
    line: int
    column: int
    function: str
    condition: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.function} {self.outcome} `{self.condition}`"


def llvm(tool: str) -> str:
    """The tool that fits Debian's clang."""
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+)", version.stdout)
    for name in ([f"{tool}-{found.group(1)}"] if found else []) + [tool]:
        if shutil.which(name):
            return name
    sys.exit(f"coverage: no {tool}; run scripts/setup.sh test")


def build(folder: Path, options: list[str]) -> None:
    command = [ROOT / "scripts/build.sh", folder, "-Dcounted=true", "-Dasserts=false"]
    command += ["-Dsearches=false", *options]  # They are no part of what is counted.
    quiet = {"CC": "clang", "LLVM_PROFILE_FILE": "/dev/null"}  # Programs that the build runs.
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **quiet})


def run_tests(folder: Path, profiles: Path) -> None:
    meson = "/usr/bin/meson" if Path("/usr/bin/meson").exists() else "meson"
    command = [meson, "test", "-C", str(folder), "--no-rebuild"]
    for suite in SUITES:
        command += ["--suite", suite]
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(profiles / "%p.profraw")}
    with (OUT / "tests.log").open("w") as log:
        failed = subprocess.call(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    if failed:
        sys.exit("coverage: the tests failed:\n" + (OUT / "tests.log").read_text()[-3000:])


def run_corpora(folder: Path, profiles: Path) -> None:
    """Each target once over its corpus in the tree."""
    for source in sorted(ROOT.glob("fuzz/fuzz_*.c")):
        target = source.stem.removeprefix("fuzz_")
        find = [ROOT / "scripts/fuzz_corpora.sh", target]
        corpora = subprocess.run(find, capture_output=True, text=True, check=True).stdout.split()
        environment = {**os.environ, "LLVM_PROFILE_FILE": str(profiles / f"{target}.profraw")}
        command = [folder / "fuzz" / source.stem, "-runs=0", *corpora]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)


def export(folder: Path, profiles: Path) -> dict[str, Any]:
    """What llvm-cov knows of the library's objects."""
    merged = OUT / "merged.profdata"
    raw = [str(path) for path in profiles.glob("*.profraw")]
    subprocess.run([llvm("llvm-profdata"), "merge", "-o", merged, *raw], check=True)
    objects = [str(path) for path in sorted((folder / "libvmbus.a.p").glob("*.o"))]
    command = [llvm("llvm-cov"), "export", objects[0], f"-instr-profile={merged}"]
    for name in objects[1:]:
        command += ["-object", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    data: dict[str, Any] = json.loads(done.stdout)["data"][0]
    return data


def ours(name: str) -> str:
    """The path below the root, or nothing if it is not a file of src/."""
    path = os.path.relpath(os.path.normpath(ROOT / "build/test/counted" / name), ROOT)
    return path if path.startswith("src/") else ""


class Sources:
    """Texts of conditions."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def text(self, path: str, begin: tuple[int, int], end: tuple[int, int]) -> str:
        if path not in self.lines:
            self.lines[path] = (ROOT / path).read_text().split("\n")
        lines = self.lines[path][begin[0] - 1 : end[0]]
        lines[-1] = lines[-1][: end[1] - 1]
        lines[0] = lines[0][begin[1] - 1 :]
        return " ".join(" ".join(lines).split())


def branches(data: dict[str, Any]) -> Counter[Branch]:
    """How often each was taken, whatever object a function of a header was compiled into."""
    sources, taken = Sources(), Counter[Branch]()
    for function in data["functions"]:
        name = function["name"].split(":")[-1]
        for begin, column, end, last, yes, no, file, *_ in function["branches"]:
            path = ours(function["filenames"][file])
            if not path:
                continue
            text = sources.text(path, (begin, column), (end, last))
            for outcome, count in (("true", yes), ("false", no)):
                if outcome == "false" and text.startswith("case "):
                    continue  # Another case's.
                branch = Branch(path, begin, column, name, text, outcome)
                taken[branch] += count
    return taken


def read_exceptions() -> dict[tuple[str, str, str, str], str]:
    found = {}
    for number, line in enumerate(EXCEPTIONS.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        parts = EXCEPTION.match(line)
        if not parts:
            where = f"{EXCEPTIONS.relative_to(ROOT)}:{number}"
            sys.exit(f"{where}: not PATH FUNCTION OUTCOME `CONDITION`: WHY")
        path, function, outcome, condition, why = parts.groups()
        found[path, function, outcome, condition] = why
    return found


def except_some(taken: Counter[Branch]) -> list[str]:
    """Take out what the list says cannot be taken; what is wrong with the list."""
    wrong = []
    for (path, function, outcome, condition), _ in read_exceptions().items():
        named = [
            branch
            for branch in taken
            if branch.path == path
            and function in (branch.function, "*")
            and branch.outcome == outcome
            and branch.condition == condition
        ]
        untaken = [branch for branch in named if taken[branch] == 0]
        line = f"{path} {function} {outcome} `{condition}`"
        if not named:
            wrong.append(f"no such condition: {line}")
        elif not untaken:
            wrong.append(f"is taken: {line}")
        for branch in untaken:
            del taken[branch]
    return wrong


def room(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[1:3]) if parts[1] == "drivers" else parts[1]


def percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def show_table(data: dict[str, Any], taken: Counter[Branch]) -> float:
    """By room; the share of all branches."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for file in data["files"]:
        path = ours(file["filename"])
        for name in (room(path), "all") if path else ():
            sums[name][0] += file["summary"]["lines"]["count"]
            sums[name][1] += file["summary"]["lines"]["covered"]
    for branch, count in taken.items():
        for name in (room(branch.path), "all"):
            sums[name][2] += 1
            sums[name][3] += count != 0
    print(f"{'room':18} {'lines':>15} {'branches':>18}")
    for name, (lines, reached, ways, gone) in sorted(sums.items()):
        print(f"{name:18} {lines:6} {percent(reached, lines):6.1f} % "
              f"{ways:9} {percent(gone, ways):6.1f} %")
    return percent(sums["all"][3], sums["all"][2])


def list_untaken(taken: Counter[Branch], name: str, uncovered: bool) -> list[str]:
    left = [str(branch) for branch in sorted(taken, key=str) if taken[branch] == 0]
    (OUT / name).write_text("\n".join(left) + "\n")
    if uncovered:
        print("\n".join(left))
    return left


def measure_fuzz(uncovered: bool) -> int:
    folder, profiles = ROOT / "build/fuzz-coverage", OUT / "fuzz-profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    profiles.mkdir(parents=True)
    build(folder, ["-Dfuzz=true", "-Dtests=disabled", "-Dtools=disabled",
                   "-Db_sanitize=address", "-Db_lundef=false"])
    run_corpora(folder, profiles)
    data = export(folder, profiles)
    taken = branches(data)
    share = show_table(data, taken)
    list_untaken(taken, "uncovered-fuzz.txt", uncovered)
    print(f"the corpora of fuzz/ alone take {share:.1f} % of the branches of src/")
    if share < FUZZ_BAR_PERCENT:
        print(f"coverage: and not {FUZZ_BAR_PERCENT:.0f} %; "
              f"{OUT.relative_to(ROOT)}/uncovered-fuzz.txt has the others")
    return int(share < FUZZ_BAR_PERCENT)


def measure_tests(uncovered: bool) -> int:
    folder, profiles = ROOT / "build/test/counted", OUT / "profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    profiles.mkdir(parents=True)
    build(folder, ["-Dtests=enabled"])
    run_tests(folder, profiles)
    data = export(folder, profiles)
    taken = branches(data)
    wrong = except_some(taken)
    share = show_table(data, taken)
    left = list_untaken(taken, "uncovered.txt", uncovered)
    if share < BAR_PERCENT:
        wrong.append(f"{share:.1f} % of the branches, and not {BAR_PERCENT:.0f} %; "
                     f"{OUT.relative_to(ROOT)}/uncovered.txt has the {len(left)} others")
    for text in wrong:
        print(f"coverage: {text}")
    return int(bool(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uncovered", action="store_true", help="list the branches not taken")
    parser.add_argument("--fuzz", action="store_true", help="of the corpora alone")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    return measure_fuzz(arguments.uncovered) if arguments.fuzz else measure_tests(arguments.uncovered)


if __name__ == "__main__":
    sys.exit(main())
