# SPDX-License-Identifier: MIT
# The modules that the board needs, unpacked (inflating xz under emulation is slow), ours before Debian's.
# Inputs: kernel, names (a module a line), and built (our .ko files), if there. BUILT: which folders of built.
release=$(cat /in/kernel/release)
tree=/out/usr/lib/modules/$release
mkdir -p "$tree" lib
cp -r /in/kernel/lib/modules lib/
mkdir "lib/modules/$release/updates"
for folder in $BUILT; do
	cp "/in/built/$folder"/*.ko "lib/modules/$release/updates/"
done
depmod -b . "$release"
grep -v '^#' /in/names | while read -r name; do
	modprobe -d . -S "$release" --show-depends "$name" || { echo "no module $name" >&2; exit 1; }
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u > wanted
test -s wanted
while read -r file; do
	target=$tree/${file#*"/modules/$release/"}
	mkdir -p "$(dirname "$target")"
	case $file in
	*.xz) xz -dc "$file" > "${target%.xz}" ;;
	*) cp "$file" "$target" ;;
	esac
done < wanted
cp lib/modules/"$release"/modules.builtin* lib/modules/"$release"/modules.order "$tree/"
mkdir boot
mv /out/usr/lib boot/lib
depmod -b boot "$release"
mv boot/lib /out/usr/lib
