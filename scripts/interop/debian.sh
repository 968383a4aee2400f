# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Debian's packages beside the machine's own: sourced by the scripts of this folder.
#
# A private apt root under the cache folder, with the machine's mirror and an empty list of
# installed packages, fetches what a Debian of any age would install. Nothing is installed: packages
# are unpacked with dpkg -x. Works as any user.

interop_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
interop_cache=${VMBUS_INTEROP_CACHE:-$interop_root/build-interop}

say() { printf 'interop: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 125
}

# need PROGRAM PACKAGE: stop with the one command that helps if PROGRAM is missing.
need() {
    command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]] ||
        die "$1 is missing; run: apt-get install -y --no-install-recommends $2"
}

# The mirror that this machine's apt uses, so that no address is written down here.
debian_mirror() {
    local mirror=${DEBIAN_MIRROR-}
    if [[ -z $mirror ]]; then
        # shellcheck disable=SC2016  # apt fills these in, not the shell.
        mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
            sed -n 's/^[a-z]* \(.*\/debian\/\)$/\1/p' | head -n 1)
    fi
    [[ -n $mirror ]] ||
        die "no Debian mirror in apt's sources; set DEBIAN_MIRROR to the address of one"
    printf '%s\n' "$mirror"
}

# debian_apt TOOL SUITE ARGUMENT...: apt-get or apt-cache on the private root of SUITE (a release,
# with -backports or not).
debian_apt() {
    local tool=$1 suite=$2 apt=$interop_cache/apt/$2 mirror release
    shift 2
    if [[ ! -f $apt/sources.list ]]; then
        need apt-get apt
        need dpkg dpkg
        mirror=$(debian_mirror)
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
        : >"$apt/status"
        for release in "${suite%-backports}" "$suite"; do
            printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
                "$mirror" "$release"
        done | sort -u >"$apt/sources.list.new"
        debian_apt_in "$apt" "$apt/sources.list.new" apt-get -q update >&2 ||
            die "cannot reach Debian's $suite; is the network up? (DEBIAN_MIRROR names another mirror)"
        mv "$apt/sources.list.new" "$apt/sources.list"
    fi
    debian_apt_in "$apt" "$apt/sources.list" "$tool" -q -t "$suite" "$@"
}

# debian_apt_in ROOT SOURCES TOOL ARGUMENT...
debian_apt_in() {
    local apt=$1 sources=$2 tool=$3
    shift 3
    "$tool" -o Dir::Etc::SourceList="$sources" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null -o Dir::State="$apt" \
        -o Dir::State::Lists="$apt/lists" -o Dir::State::Status="$apt/status" \
        -o Dir::Cache="$apt/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User=root "$@"
}

# debian_unpack FOLDER SUITE PACKAGE...: the packages and everything that they depend on.
debian_unpack() {
    local folder=$1 suite=$2 deb
    shift 2
    say "fetching $* of $suite"
    debian_apt apt-get "$suite" -y --no-install-recommends --download-only install "$@" >/dev/null ||
        die "Debian's $suite did not give $*"
    for deb in "$interop_cache/apt/$suite/cache/archives"/*.deb; do
        dpkg -x "$deb" "$folder"
    done
    debian_apt apt-get "$suite" clean
}

# debian_unpack_one FOLDER SUITE PACKAGE: the package alone. It is kept, for another part to unpack.
debian_unpack_one() {
    local folder=$1 suite=$2 package=$3 kept=$interop_cache/debs/$2/$3 temporary
    if [[ ! -d $kept ]]; then
        say "fetching $package of $suite"
        mkdir -p "${kept%/*}"
        temporary=$(mktemp -d "$kept.XXXXXX")
        debian_apt apt-cache "$suite" policy "$package" >/dev/null # Sets the root up.
        (cd "$temporary" && debian_apt apt-get "$suite" download "$package" >/dev/null) ||
            die "Debian's $suite did not give $package"
        mv "$temporary" "$kept"
    fi
    dpkg -x "$kept"/*.deb "$folder"
}

# debian_kernel SUITE: the name of the package with the newest kernel image.
debian_kernel() {
    debian_apt apt-cache "$1" depends linux-image-amd64 |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# once NAME FUNCTION ARGUMENT...: run FUNCTION TEMPORARY_FOLDER ARGUMENT... unless the cache has a
# folder NAME; the folder appears whole or not at all, whoever else asks for it meanwhile.
once() {
    local name=$1 function=$2 temporary
    shift 2
    [[ -d $interop_cache/$name ]] && return
    mkdir -p "$interop_cache"
    exec {interop_lock}>"$interop_cache/.lock"
    flock "$interop_lock"
    if [[ ! -d $interop_cache/$name ]]; then
        temporary=$(mktemp -d "$interop_cache/$name.XXXXXX")
        chmod 755 "$temporary"
        "$function" "$temporary" "$@"
        mv "$temporary" "$interop_cache/$name"
    fi
    exec {interop_lock}>&-
}
