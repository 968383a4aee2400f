#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The folders of inputs that a fuzz target begins with: scripts/fuzz_corpora.sh TARGET
#
# Its own below fuzz/corpus, if it has one, and that of the target whose source it includes. A path
# a line, from the root; nothing for a target without any.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in "$1" "${1%_toctou}"; do
    [[ ! -d fuzz/corpus/$name ]] || echo "fuzz/corpus/$name"
done | sort -u
