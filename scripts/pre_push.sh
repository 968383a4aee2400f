#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What CI will say, before it does: every commit that is not upstream yet builds, and a fresh clone
# of the last one passes. Nothing that is not committed takes part.
# UPSTREAM names the branch to compare with; by default the one that this branch tracks.
set -euo pipefail
cd "$(dirname "$0")/.."

clone=build/pre-push
upstream=${UPSTREAM-$(git rev-parse --abbrev-ref '@{upstream}' 2>/dev/null || echo HEAD)}
[[ -z "$(git status --porcelain)" ]] || echo "pre-push: note: there are changes not committed" >&2

rm -rf "$clone"
git clone --quiet --no-checkout . "$clone"
for commit in $(git rev-list --reverse "$upstream..HEAD"); do
    echo "pre-push: building $(git log -1 --format='%h %s' "$commit")"
    git -C "$clone" checkout --quiet --detach "$commit"
    make -C "$clone" --silent build
done
git -C "$clone" checkout --quiet --detach "$(git rev-parse HEAD)"
exec env CI=true bash "$clone/.ci/run"
