#!/bin/sh
# PID 1 of the guest: what a node has, then the tests, then off. What it prints
# after the disks are there goes to the machine's side.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
hostname guest
ip link set lo up
modprobe -a nf_conntrack nf_conntrack_netlink tcp_diag udp_diag inet_diag

exec </dev/null >/dev/vport0p1 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SNATTOP_KERNEL_SIDE=guest
ulimit -n 1048576
cd /mnt
# The arguments are one to a line.
set --
while IFS= read -r argument; do set -- "$@" "$argument"; done <arguments
./kernel.test "$@"
echo "snattop: guest ended with $?"
echo o >/proc/sysrq-trigger
sleep 60
