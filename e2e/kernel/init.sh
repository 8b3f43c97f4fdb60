#!/bin/sh
# The first program of the guest: the modules for its disks, then its root.
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do
	insmod "/modules/$module" || echo "snattop: $module does not load"
done
mkdir /new
# The disks are found in the background.
for try in 1 2 3 4 5 6 7 8 9 10; do
	[ -b /dev/vdb ] && break
	sleep 1
done
mount -t ext4 /dev/vda /new &&
	mount -t ext4 /dev/vdb /new/mnt &&
	mount --move /dev /new/dev &&
	umount /proc &&
	exec switch_root /new /bin/sh /mnt/guest.sh
echo "snattop: the guest has no root"
poweroff -f
