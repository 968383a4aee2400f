# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# shellcheck disable=SC2034,SC2154  # Variables of debian.sh, and for whoever sourced this.
#
# A Linux as a guest: sourced after debian.sh and parts.sh.
#
#   part_linux 6.1   $interop_cache/linux-…   vmlinuz; base.cpio.gz: busybox, and the modules below
#                                             with those that they need, for modprobe
#   part_daemons     $interop_cache/daemons   daemons.cpio.gz: Linux's helpers for key/value exchange
#                                             and backup, with their libraries

linux_modules=(hv_vmbus hv_utils hv_storvsc sd_mod ext4 crc32c_generic)

linux_suite() {
    case $1 in
    6.1) echo bookworm ;;
    6.12) echo bookworm-backports ;;
    *) die "no Linux $1 here: KERNEL is 6.1 (Debian bookworm) or 6.12 (its backports)" ;;
    esac
}

# linux_copy_module TREE ROOT NAME: the module, uncompressed, and all that it depends on.
linux_copy_module() {
    local tree=$1 root=$2 name=$3 file target depends
    target=$root/lib/modules/kernel/$name.ko
    [[ ! -e $target ]] || return 0
    file=$(find "$tree/lib/modules" -name "${name//[-_]/[-_]}.ko*" | head -n 1)
    [[ -n $file ]] || return 0 # Built in.
    case $file in
    *.xz) xz -dc "$file" >"$target" ;;
    *) cp "$file" "$target" ;;
    esac
    depends=$(tr '\0' '\n' <"$target" | sed -n 's/^depends=//p' | head -n 1)
    for name in ${depends//,/ }; do linux_copy_module "$tree" "$root" "$name"; done
}

make_linux() {
    local out=$1 suite=$2 version=$3 kernel tree=$1/tree root=$1/root module release
    need busybox busybox-static
    need cpio cpio
    kernel=$(debian_kernel "$suite")
    [[ $kernel == "linux-image-$version."* ]] || die "Debian's $suite has $kernel, not $version"
    debian_unpack_one "$tree" "$suite" "$kernel"
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,mnt,lib/modules/kernel}
    cp "$(command -v busybox)" "$root/bin/busybox"
    for module in "${linux_modules[@]}"; do linux_copy_module "$tree" "$root" "$module"; done
    release=$(basename "$tree"/lib/modules/*)
    mkdir "$root/lib/modules/$release"
    mv "$root/lib/modules/kernel" "$root/lib/modules/$release/"
    busybox depmod -b "$root" "$release"
    cp "$tree"/boot/vmlinuz-* "$out/vmlinuz"
    pack "$root" "$out/base.cpio.gz"
    rm -rf "$tree" "$root"
}

part_linux() {
    local suite
    suite=$(linux_suite "$1")
    once "linux-$1" make_linux "$suite" "$1"
    linux=$interop_cache/linux-$1
}

make_daemons() {
    local out=$1 tree=$1/tree root=$1/root daemon library
    debian_unpack_one "$tree" "$(linux_suite 6.1)" hyperv-daemons
    mkdir -p "$root/bin"
    for daemon in hv_kvp_daemon hv_vss_daemon; do
        cp "$tree/usr/sbin/$daemon" "$root/bin/"
        while read -r library; do
            mkdir -p "$root$(dirname "$library")"
            cp -L "$library" "$root$library"
        done < <(ldd "$tree/usr/sbin/$daemon" | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p')
    done
    pack "$root" "$out/daemons.cpio.gz"
    rm -rf "$tree" "$root"
}

part_daemons() {
    need cpio cpio
    once daemons make_daemons
    daemons=$interop_cache/daemons
}
