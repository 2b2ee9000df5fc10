#!/usr/bin/env bash
# boot.sh FOLDER: becomes the systemd of the Debian in FOLDER. For machine.py, in fresh namespaces (pid, mount, uts, ipc, net, cgroup) as their
# process 1. What is written there goes to memory, and FOLDER stays as it is.
set -euo pipefail
mount -t tmpfs -o size=2G memory /mnt
mkdir /mnt/written /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$1,upperdir=/mnt/written,workdir=/mnt/work" root /mnt/root
cd /mnt/root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mount -t tmpfs tmp tmp
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs shm dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
ip link set lo up
hostname machine
pivot_root . mnt
exec chroot . sh -c 'umount -l /mnt; exec env -i container=sluice-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd systemd.unit=multi-user.target'
