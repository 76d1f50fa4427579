# SPDX-License-Identifier: MIT
# libavformat as pw-cat needs it: demuxers, parsers and one bitstream filter. Nothing is decoded on this CPU,
# and Debian's own libavformat for arm64 would bring some 150 packages with it.
. /in/fetch

fetch_orig ffmpeg
sha256sum ./*.orig.tar.* > /out/packages.sha256
mkdir source
tar -C source --no-same-owner --strip-components=1 -xf ./*.orig.tar.*
cd source || exit
libdir=/usr/lib/aarch64-linux-gnu
./configure --prefix=/usr --libdir=$libdir --shlibdir=$libdir \
	--enable-cross-compile --arch=aarch64 --target-os=linux --cross-prefix=aarch64-linux-gnu- \
	--disable-everything --disable-autodetect --disable-programs --disable-doc --disable-debug \
	--disable-avdevice --disable-avfilter --disable-swscale --disable-swresample --disable-postproc \
	--disable-network --disable-static --enable-shared --enable-small \
	--enable-demuxer=mp3,flac,wav,aac,mov,ogg,asf,ape \
	--enable-parser=mpegaudio,flac,aac,aac_latm,vorbis,opus --enable-bsf=aac_adtstoasc \
	--enable-protocol=file,pipe
make -j"$JOBS"
make install DESTDIR=/out/sysroot
mkdir -p "/out/tree$libdir"
cp -a /out/sysroot$libdir/*.so.* "/out/tree$libdir/"
