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
# Who signs for the registries on this machine, where that is somebody of its own.
authorities=${NODE_EXTRA_CA_CERTS-}
[ -z "$authorities" ] || install -D -m 644 "$authorities" "$root$authorities"

work=$(mktemp -d -p "$root/tmp")
cp "$here/../provision.sh" "$here/../packages.txt" "$work"
chroot "$root" sh "${work#"$root"}/provision.sh" --group lab --group guest
rm -rf "$work"
