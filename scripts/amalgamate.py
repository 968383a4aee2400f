#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make one source file of the library: scripts/amalgamate.py [--prefix NAME] [OUT_DIR]

OUT_DIR, by default build/dist, gets vmbus.c and include/vmbus/: compile the one with -I of the
other and the library is in. Sources follow sources.list; a private header is put where it is first
included. With --prefix old, every vmb_ and VMB_ becomes old_ and OLD_, so that two versions of the
library can be in one kernel.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
NAME = re.compile(r"\b(vmb|VMB)(i|I)?_")
VERSION = re.compile(r"\bversion: '([^']+)'")

BANNER = """\
/* SPDX-License-Identifier: MIT */
/*
 * libvmbus {version}, the whole library in one file. Made by scripts/amalgamate.py from the files
 * named below: read and change those, not this. Compile with the include/ that came with it.
 */
"""


def sources() -> list[Path]:
    lines = (ROOT / "sources.list").read_text().splitlines()
    return [ROOT / line.strip() for line in lines if line.strip() and not line.startswith("#")]


def expand(path: Path, seen: set[Path]) -> Iterator[str]:
    """The lines of a file with its private headers, each once, in place of their includes."""
    seen.add(path)
    yield f"\n/* {path.relative_to(ROOT)} */\n"
    for line in path.read_text().splitlines(keepends=True):
        match = PRIVATE.match(line)
        if not match:
            if "SPDX-License-Identifier" not in line:
                yield line
            continue
        header = ROOT / "src" / match[1]
        if header not in seen:
            yield from expand(header, seen)
            yield f"\n/* {path.relative_to(ROOT)}, continued */\n"


def amalgamation() -> str:
    version = VERSION.search((ROOT / "meson.build").read_text())
    seen: set[Path] = set()
    text = BANNER.format(version=version[1] if version else "")
    for source in sources():
        text += "".join(expand(source, seen))
    return text


def rename(text: str, prefix: str) -> str:
    """The text with our names under another prefix."""

    def replace(match: re.Match[str]) -> str:
        base = prefix.upper() if match[1].isupper() else prefix
        return f"{base}{match[2] or ''}_"

    return NAME.sub(replace, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", default="vmb")
    parser.add_argument("output", nargs="?", type=Path, default=ROOT / "build/dist")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output / "include", ignore_errors=True)
    files = {"vmbus.c": amalgamation()}
    for header in sorted((ROOT / "include").rglob("*.h")):
        files[header.relative_to(ROOT).as_posix()] = header.read_text()
    for name, text in files.items():
        target = arguments.output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(rename(text, arguments.prefix))
    print(f"{arguments.output}/vmbus.c, {arguments.output}/include/")


if __name__ == "__main__":
    main()
