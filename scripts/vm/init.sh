#!/bin/sh
# The guest's first process and its only service. The mailbox, a disk without a file system, holds a tar: what is
# to be run. It is run with its output on the second serial line, and what it left in /out is put into the mailbox,
# again as a tar, with its exit status. The first serial line is the kernel's.
export PATH=/nathop/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LANG=C.UTF-8
mailbox=/dev/vdc
mount -o remount,rw /
mountpoint -q /dev/pts || { mkdir -p /dev/pts && mount -t devpts devpts /dev/pts; }
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /mnt
# As on any node: pwru looks nowhere else.
mount -t debugfs debugfs /sys/kernel/debug
mkdir -p /mnt/job /mnt/out
mount -o ro /dev/vdb /nathop
tar -xf "$mailbox" -C /mnt/job
hostname "$(cat /mnt/job/hostname)"
ip link set lo up
# The lab's nodes need it, and it loads no other way.
modprobe br_netfilter
# What leads to another guest, where something does.
modprobe virtio_net
stty -F /dev/ttyS1 raw -echo
cd /nathop || exit
{
    # As on any node; its packages are there.
    sh scripts/provision.sh nathop.tgz && sh /mnt/job/run </dev/null
    echo $? >/mnt/out/status
} 2>&1 | cat >/dev/ttyS1
tar -cf "$mailbox" -C /mnt/out .
sync
echo o >/proc/sysrq-trigger
sleep 60
