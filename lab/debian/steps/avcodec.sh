# SPDX-License-Identifier: MIT
# libavcodec for the DSP model alone, linked into it: the decoders that no other free library has (WMA, APE).
. /in/fetch

fetch_orig ffmpeg
sha256sum ./*.orig.tar.* > /out/packages.sha256
mkdir source
tar -C source --no-same-owner --strip-components=1 -xf ./*.orig.tar.*
cd source || exit
# The emulated CPU gains little from NEON, and the build is shorter without.
./configure --prefix=/in/avcodec --enable-cross-compile --arch=aarch64 --target-os=linux \
	--cross-prefix=aarch64-linux-gnu- --enable-static --disable-shared --disable-everything --disable-autodetect \
	--disable-programs --disable-doc --disable-debug --disable-network --disable-pthreads --disable-asm \
	--disable-avdevice --disable-avfilter --disable-avformat --disable-swscale --disable-swresample \
	--disable-postproc --enable-decoder=wmav2,wmapro,wmalossless,ape
make -j"$JOBS"
make install DESTDIR=/work/installed
cp -a /work/installed/in/avcodec/. /out/
