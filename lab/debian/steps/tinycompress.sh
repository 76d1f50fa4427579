# SPDX-License-Identifier: MIT
# cplay and fcplay of tinycompress. Inputs: source, ffmpeg.
libdir=/usr/lib/aarch64-linux-gnu
cp -r /in/source/source source
cp -r /in/ffmpeg/sysroot ffmpeg
sed -i "s,^prefix=,&/work/ffmpeg,; s,^\(libdir\|includedir\)=/usr,\1=/work/ffmpeg/usr," ffmpeg$libdir/pkgconfig/*.pc
export PKG_CONFIG_LIBDIR=/work/ffmpeg$libdir/pkgconfig:$libdir/pkgconfig:/usr/share/pkgconfig
cd source || exit
autoreconf -fi
./configure --host=aarch64-linux-gnu --prefix=/usr --libdir=$libdir --disable-static --enable-fcplay --disable-pcm
make -j"$JOBS"
make install DESTDIR=/work/install
mkdir -p "/out/usr/bin" "/out$libdir"
cp -a /work/install/usr/bin/. /out/usr/bin/
cp -a /work/install$libdir/*.so.* "/out$libdir/"
