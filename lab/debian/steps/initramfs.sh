# SPDX-License-Identifier: MIT
# The boot image's ramdisk: a static busybox, the disk and ext4 drivers, and an init that finds the root.
. /in/fetch

fetch_packages busybox-static:arm64
sha256sum ./*.deb > /out/packages.sha256
dpkg -x busybox-static_*.deb busybox

release=$(cat /in/kernel/release)
mkdir -p tree/bin tree/dev tree/proc tree/sys tree/root tree/modules
busybox=$(find busybox -path '*bin/busybox')
cp "$busybox" tree/bin/busybox
for applet in sh mount insmod cat grep basename dirname sleep switch_root poweroff; do
	ln -s busybox "tree/bin/$applet"
done
cp /in/init/init tree/init

cp -r /in/kernel/lib .
depmod -b . "$release"
for name in virtio_blk ext4; do
	modprobe -d . -S "$release" --show-depends "$name" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' | while read -r file; do
	base=$(basename "$file" .xz)
	xz -dc "$file" > "tree/modules/$base"
	echo "$base"
done > order
cp order tree/modules/order

find tree -exec touch -hd @0 {} +
(cd tree && find . | LC_ALL=C sort | cpio -o -H newc --owner=0:0 --reproducible) | gzip -n9 > /out/initramfs.cpio.gz
