#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Install the Debian packages of some groups: scripts/setup.sh GROUP...
#
# The groups are in scripts/packages.list. When nothing is missing this is one dpkg-query and no
# network. As root, or with a sudo that asks nothing, it installs; else it prints what to run.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

wanted() { # The packages of the groups in the arguments.
    local arch
    arch=$(dpkg --print-architecture 2>/dev/null || true)
    awk -v groups=" $* " -v except="!$arch" \
        '!/^#/ && NF && index(groups, " " $1 " ") && $3 != except { print $2 }' \
        scripts/packages.list
}

installed() { # Names of the installed ones among the arguments.
    { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } |
        sed -n 's/^installed //p'
}

# The first alternative that the archive has; the first of all if it has none, for apt to complain.
choose() {
    local name
    for name in ${1//|/ }; do
        if [[ -n "$(apt-cache madison "$name" 2>/dev/null)" ]]; then
            echo "$name"
            return
        fi
    done
    echo "${1%%|*}"
}

names() { # What to install, in words.
    local entry
    for entry in "${missing[@]}"; do choose "$entry"; done | tr '\n' ' '
}

# shellcheck disable=SC2207  # No package name has blanks or wildcards.
entries=($(wanted "$@"))
((${#entries[@]})) || { say "no such group: $*"; exit 2; }

if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: installing nothing; needed are (Debian's names): ${entries[*]}"
    exit 0
fi

# shellcheck disable=SC2046  # One word a package.
have=" $(installed $(printf '%s ' "${entries[@]//|/ }") | tr '\n' ' ')"
missing=()
for entry in "${entries[@]}"; do
    found=
    for name in ${entry//|/ }; do
        [[ "$have" == *" $name "* ]] && found=1
    done
    [[ -n "$found" ]] || missing+=("$entry")
done
((${#missing[@]})) || exit 0

if [[ $EUID -eq 0 ]]; then
    as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo env)
else
    say "these packages are missing; run this as root (or with sudo before each), then try again:"
    say "    apt-get update && apt-get install -y --no-install-recommends $(names)"
    exit 1
fi

apt() {
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
        -o DPkg::Lock::Timeout=600 --no-install-recommends "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt update >"$log" 2>&1 || true # Another apt may hold the lists: then they are fresh.
say "installing $(names)"
# shellcheck disable=SC2046  # One word a package.
if ! apt install $(names) >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    say "apt-get could not install them; see above"
    exit 1
fi
