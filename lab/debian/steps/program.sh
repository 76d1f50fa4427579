# SPDX-License-Identifier: MIT
# One of the layer's own C programs, cross-compiled by its Makefile. Inputs: source, and what it looks for beside it.
cp -r /in/. .
export PKG_CONFIG_PATH=/in/avcodec/lib/pkgconfig:/in/faad/lib/pkgconfig
# of the DSP model's decoders those whose library is among the inputs
DECODERS=$(for library in avcodec faad; do [ ! -d /in/$library ] || echo $library; done)
export DECODERS
export CC=aarch64-linux-gnu-gcc PKG_CONFIG=aarch64-linux-gnu-pkg-config CFLAGS="-O2 -Wall -Wextra -Werror" LDFLAGS=-s
make -C source -j"$JOBS"
make -C source install DESTDIR=/out PREFIX=/usr
