# SPDX-License-Identifier: MIT
# The root file system: Debian's packages as extracted, our programs over them, and what their maintainer
# scripts would have set up. No arm64 program runs here, so any host can make it.
# Inputs: base (rootfs.tar), overlay, keys, and tree-* (folders laid over the root).

root=/work/root
mkdir "$root"
tar -C "$root" --no-same-owner --exclude='./dev/*' -xf /in/base/rootfs.tar

for tree in /in/tree-* /in/overlay; do cp -a --no-preserve=ownership "$tree/." "$root/"; done

# The layer's own configuration, at the places where its recipes install it.
install -D -m 644 -t "$root/usr/lib/udev/rules.d" /in/adsp/*.rules
install -D -m 644 -t "$root/usr/lib/systemd/system" /in/adsp/*.service /in/wireplumber/*.service
install -D -m 644 -t "$root/usr/lib/systemd/system/pipewire.service.d" \
	/in/pipewire-service/pipewire.service.d/*.conf
install -D -m 644 -t "$root/usr/share/wireplumber/wireplumber.conf.d" /in/wireplumber/wireplumber.conf.d/*.conf
install -D -m 644 -t "$root/usr/share/wireplumber/scripts/compress-offload" \
	/in/wireplumber/scripts/compress-offload/*.lua
install -D -m 644 /in/pipewire/pipewire.sysusers "$root/usr/lib/sysusers.d/pipewire.conf"
for patch in /in/ucm/*.patch; do
	patch -d "$root/usr/share/alsa" -p1 --fuzz=0 --no-backup-if-mismatch < "$patch"
done
# Of WirePlumber, whose Debian package is taken as it is, only what is not compiled can be patched.
for patch in /in/wireplumber/*.patch; do
	patch -d "$root/usr/share/wireplumber" -p2 --fuzz=0 --no-backup-if-mismatch < "$patch"
done

# Accounts: Debian's own, then those that the packages declare.
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
systemd-sysusers --root="$root"

# Units: only what this board needs is started; each unit left out is guest time saved at every boot.
ln -sf /usr/lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
start_at_boot() {
	mkdir -p "$root/etc/systemd/system/$2.wants"
	for unit in $1; do
		for folder in /etc/systemd/system /usr/lib/systemd/system; do
			[ ! -e "$root$folder/$unit" ] || ln -sf "$folder/$unit" "$root/etc/systemd/system/$2.wants/$unit"
		done
		[ -L "$root/etc/systemd/system/$2.wants/$unit" ]
	done
}
start_at_boot "console-root.service lab-sshd.service" sysinit.target
start_at_boot pipewire.socket sockets.target
start_at_boot pipewire.service multi-user.target
start_at_boot wireplumber.service pipewire.service
for unit in $MASK; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done

# Generators look for what is not there: disks to decrypt, containers, sysv scripts.
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/*; do
	ln -s /dev/null "$root/etc/systemd/system-generators/$(basename "$generator")"
done

# A machine id of its own, as a flashed board has one; an empty file would mean first boot and its presets.
sha256sum /in/keys/ssh_host_ed25519_key.pub | cut -c1-32 > "$root/etc/machine-id"

install -d -m 700 "$root/root/.ssh"
install -m 600 /in/keys/id_ed25519.pub "$root/root/.ssh/authorized_keys"
install -m 600 /in/keys/ssh_host_ed25519_key "$root/etc/ssh/ssh_host_ed25519_key"
install -m 644 /in/keys/ssh_host_ed25519_key.pub "$root/etc/ssh/ssh_host_ed25519_key.pub"

rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* \
	"$root"/usr/share/sounds "$root"/var/lib/apt/lists/* "$root"/usr/lib/aarch64-linux-gnu/gconv
mkdir -p "$root/proc" "$root/sys" "$root/run" "$root/dev"
rm -rf "$root/var/run" "$root/var/lock"
ln -s /run "$root/var/run"
ln -s /run/lock "$root/var/lock"
chmod 1777 "$root/tmp"

# Room to spare for files under test; the file system can grow into its partition later.
size=$(( $(du -s --block-size=1M "$root" | cut -f1) * 5 / 4 + 128 ))
mke2fs -q -t ext4 -b 4096 -L rootfs -E root_owner=0:0,lazy_itable_init=0 -d "$root" /out/rootfs.ext4 "${size}M"
chmod 600 /out/rootfs.ext4 # it holds the SSH server's private key
