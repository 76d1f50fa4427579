# SPDX-License-Identifier: MIT
# Debian's GStreamer: its tools, of its plugins those that play files, and what PipeWire's plugin is built with.
# Its packages would bring a hundred others with them, so they are unpacked alone.
. /in/fetch

libdir=usr/lib/aarch64-linux-gnu
tree=/out/tree/$libdir
sysroot=/out/sysroot

fetch_packages gstreamer1.0-tools:arm64 gstreamer1.0-plugins-base-apps:arm64 libgstreamer1.0-0:arm64 \
	libgstreamer-plugins-base1.0-0:arm64 gstreamer1.0-plugins-base:arm64 gstreamer1.0-plugins-good:arm64 \
	gstreamer1.0-plugins-ugly:arm64 liborc-0.4-0t64:arm64 libdrm2:arm64
sha256sum ./*.deb > /out/packages.sha256
mkdir unpacked
for deb in *.deb; do dpkg -x "$deb" unpacked; done
rm ./*.deb

mkdir -p /out/tree/usr/bin "$tree/gstreamer-1.0"
for tool in launch inspect play; do cp "unpacked/usr/bin/gst-$tool-1.0" /out/tree/usr/bin/; done
cp -r "unpacked/$libdir/gstreamer1.0" "$tree/"
for library in gstreamer gstbase gstaudio gstvideo gstpbutils gsttag gstallocators gstriff gstrtp gstrtsp gstsdp; do
	cp -d "unpacked/$libdir/lib$library-1.0.so".* "$tree/"
done
cp -d "unpacked/$libdir"/liborc-0.4.so.* "unpacked/$libdir"/libdrm.so.* "$tree/"
for plugin in coreelements typefindfunctions playback autodetect audioconvert audioresample volume \
	id3demux apetag audioparsers isomp4 asf wavparse ogg mpg123 flac vorbis opus; do
	cp "unpacked/$libdir/gstreamer-1.0/libgst$plugin.so" "$tree/gstreamer-1.0/"
done

# What a plugin is linked with. The libraries' own needs are not asked for: no program is linked here.
fetch_packages libgstreamer1.0-dev:arm64 libgstreamer-plugins-base1.0-dev:arm64 libgio-2.0-dev:arm64 \
	libglib2.0-0t64:arm64
for deb in *.deb; do dpkg -x "$deb" unpacked; done
mkdir -p "$sysroot/$libdir" "$sysroot/usr/include"
cp -r unpacked/usr/include/gstreamer-1.0 unpacked/usr/include/glib-2.0 unpacked/usr/include/gio-unix-2.0 \
	"$sysroot/usr/include/"
cp -r "unpacked/$libdir/glib-2.0" "unpacked/$libdir/pkgconfig" "$sysroot/$libdir/"
cp -d "unpacked/$libdir"/libg*-[12].0.so* "$sysroot/$libdir/"
sed -i '/^Requires.private:/d; s/libdrm[^,]*, *//' "$sysroot/$libdir"/pkgconfig/*.pc
