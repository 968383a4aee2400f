#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make one source file of the library: scripts/amalgamate.py [OUT_DIR], by default build/dist.

OUT_DIR gets vmbus.c and include/vmbus/: compile the one with -I of the other and the library is
in. Sources follow sources.list; a private header is put where it is first included.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
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


def main(arguments: list[str]) -> int:
    output = Path(arguments[0]) if arguments else ROOT / "build/dist"
    shutil.rmtree(output / "include", ignore_errors=True)
    shutil.copytree(ROOT / "include", output / "include")
    (output / "vmbus.c").write_text(amalgamation())
    print(f"{output}/vmbus.c, {output}/include/")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
