# SPDX-License-Identifier: MIT
# One of the layer's own C programs, cross-compiled by its Makefile. Input: source.
cp -r /in/source source
make -C source -j"$JOBS" CC=aarch64-linux-gnu-gcc PKG_CONFIG=aarch64-linux-gnu-pkg-config \
	CFLAGS="-O2 -Wall -Wextra -Werror"
make -C source install DESTDIR=/out CC=aarch64-linux-gnu-gcc PKG_CONFIG=aarch64-linux-gnu-pkg-config \
	CFLAGS="-O2 -Wall -Wextra -Werror" prefix=/usr
