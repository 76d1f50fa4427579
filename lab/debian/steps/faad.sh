# SPDX-License-Identifier: MIT
# libfaad for the DSP model alone, linked into it. Debian has it as a shared library, and the build root has no CMake.
. /in/fetch

fetch_orig faad2
sha256sum ./*.orig.tar.* > /out/packages.sha256
mkdir source /out/lib /out/lib/pkgconfig /out/include
tar -C source --no-same-owner --strip-components=1 -xf ./*.orig.tar.*
version=$(sed -n 's/.*"PACKAGE_VERSION" *: *"\(.*\)".*/\1/p' source/properties.json)
cp source/include/neaacdec.h /out/include/
mkdir objects
cd objects || exit
aarch64-linux-gnu-gcc -O2 -c -I../source/include -I../source/libfaad -DPACKAGE_VERSION="\"$version\"" \
	-DHAVE_INTTYPES_H=1 -DHAVE_MEMCPY=1 -DHAVE_STRING_H=1 -DHAVE_LRINTF=1 ../source/libfaad/*.c
aarch64-linux-gnu-ar rcs /out/lib/libfaad.a ./*.o
cat > /out/lib/pkgconfig/faad2.pc <<END
Name: faad2
Description: AAC decoder
Version: $version
Libs: /in/faad/lib/libfaad.a
Cflags: -I/in/faad/include
END
