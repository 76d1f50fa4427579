# SPDX-License-Identifier: MIT
# One of the layer's own C programs, cross-compiled by its Makefile. Inputs: source, and what it looks for beside it.
cp -r /in/. .
export CC=aarch64-linux-gnu-gcc PKG_CONFIG=aarch64-linux-gnu-pkg-config CFLAGS="-O2 -Wall -Wextra -Werror" LDFLAGS=-s
make -C source -j"$JOBS"
make -C source install DESTDIR=/out PREFIX=/usr
