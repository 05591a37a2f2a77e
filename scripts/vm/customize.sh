#!/bin/sh
# mmdebstrap's last hook: makes a guest of the root file system in $1. What runs on it is installed as on any node, by
# provision.sh.
set -eu

root=${1?the root file system is missing}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# What the first file system needs to be found by; installing the kernel makes the initrd.
mkdir -p "$root/etc/initramfs-tools/conf.d"
echo MODULES=list >"$root/etc/initramfs-tools/conf.d/nathop"
printf '%s\n' virtio_pci virtio_blk ext4 >"$root/etc/initramfs-tools/modules"
# Where the project's disk is mounted.
mkdir "$root/nathop"
install -m 755 "$here/init.sh" "$root/sbin/nathop-init"

work=$(mktemp -d -p "$root/tmp")
inside=${work#"$root"}
cp "$here/../provision.sh" "$here/../packages.txt" "$work"
# Who signs for npm's registry on this machine, where that is somebody of its own.
if [ -n "${NODE_EXTRA_CA_CERTS-}" ]; then
    cp "$NODE_EXTRA_CA_CERTS" "$work/authorities"
    export npm_config_cafile="$inside/authorities"
fi
# Not every release has what the bench compares with.
chroot "$root" apt-cache show pwru >/dev/null 2>&1 && compared='--group compared'
# shellcheck disable=SC2086 # words
chroot "$root" sh "$inside/provision.sh" --group lab --group guest ${compared-}
rm -rf "$work" "$root/root/.npm"
