# SPDX-License-Identifier: MIT
# PipeWire twice in one build tree: as upstream released it, and with the layer's patches.
# Inputs: source (with version beside it), patches (files/ of the recipe), ffmpeg, gstreamer,
# install (meson_install.py).
version=$(cat /in/source/version)
series=/in/patches/$version/series
test -f "$series" || { echo "the layer has no patch series for PipeWire $version" >&2; exit 1; }
cp -r /in/source/source pipewire
libdir=/usr/lib/aarch64-linux-gnu
for library in ffmpeg gstreamer; do
	cp -r /in/$library/sysroot $library
	sed -i "s,^prefix=,&/work/$library,; s,^\(libdir\|includedir\)=/usr,\1=/work/$library/usr," \
		$library$libdir/pkgconfig/*.pc
done

apply() {
	while read -r name; do
		[ -n "$name" ] || continue
		patch -d pipewire -p1 --fuzz=0 --no-backup-if-mismatch < "/in/patches/$name"
	done
}

cat > arm64.cross <<END
[binaries]
c = 'aarch64-linux-gnu-gcc'
cpp = 'aarch64-linux-gnu-g++'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkg-config = 'pkg-config'
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'cortex-a57'
endian = 'little'
END
export PKG_CONFIG_LIBDIR=/work/ffmpeg$libdir/pkgconfig:/work/gstreamer$libdir/pkgconfig:$libdir/pkgconfig:/usr/share/pkgconfig

# Without these a release does not configure, or its daemon aborts before the first byte: both builds have them.
needed='libswscale-a-requirement|abort-on-the-highest-codec-id'
sed 's/ *#.*//' "$series" > patches
grep -E "$needed" patches | apply
# 1.6 names its option after the library.
systemd=systemd
grep -q "^option('libsystemd'" pipewire/meson_options.txt && systemd=libsystemd
meson setup build pipewire --cross-file arm64.cross --prefix=/usr --libdir=lib/aarch64-linux-gnu \
	--sysconfdir=/etc --localstatedir=/var --buildtype=release --wrap-mode=nodownload \
	-Dauto_features=disabled -Dsession-managers=[] -Dlegacy-rtkit=false -Dtests=disabled \
	-Dexamples=disabled -Ddocs=disabled -Dman=disabled -Ddbus=disabled -Dflatpak=disabled \
	-Dpipewire-alsa=disabled -Dpipewire-jack=disabled -Dpipewire-v4l2=disabled -Drlimits-install=false \
	-Dspa-plugins=enabled -Dsupport=enabled -Daudioconvert=enabled -Daudiomixer=enabled -Dcontrol=enabled \
	-Dvideoconvert=disabled -Dvideotestsrc=disabled -Dalsa=enabled -Dudev=enabled \
	-Dudevrulesdir=/usr/lib/udev/rules.d -Dcompress-offload=enabled -Dpw-cat=enabled -Dsndfile=enabled \
	-Dpw-cat-ffmpeg=enabled -Dgstreamer=enabled "-D$systemd=enabled" -Dsystemd-system-service=enabled \
	-Dsystemd-system-unit-dir=/usr/lib/systemd/system
install_to() {
	# Left out: servers for other protocols than PulseAudio's, and links to other machines.
	python3 /in/install build "$1" 'module-(pulse|protocol-simple|rtp|raop|vban|netjack|avb|snapcast|zeroconf|jack|ffado|filter-chain|pipe-tunnel|combine|example|fallback|echo|parametric|vc4|spa-ffmpeg)|ffmpeg|pipewire-.*\.mo$'
	# Not for making PipeWire ALSA's default device: the tests play on the PCM devices directly.
	rm -rf "$1$libdir/pkgconfig" "$1$libdir/alsa-lib" "$1/usr/share/alsa/alsa.conf.d"
	find "$1" -type f \( -name '*.so*' -o -path '*/bin/*' \) -exec aarch64-linux-gnu-strip --strip-unneeded {} + || true
}
install_to /out/unpatched
grep -vE "$needed" patches | apply
install_to /out/patched
cp /in/source/version /out/version
