# SPDX-License-Identifier: MIT
# Upstream's PipeWire release as Debian carries it: what a machine without access to a git host can have.
. /in/fetch
fetch_orig pipewire
sha256sum ./*.orig.tar.* > /out/packages.sha256
mkdir /out/source
tar -C /out/source --no-same-owner --strip-components=1 -xf ./*.orig.tar.*
sed -n "s/.*version : *'\([0-9.]*\)'.*/\1/p" /out/source/meson.build | head -n 1 > /out/version
