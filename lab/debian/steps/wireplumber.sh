# SPDX-License-Identifier: MIT
# Debian's WirePlumber, unpacked alone: its Depends would bring Debian's PipeWire and a session bus.
. /in/fetch
fetch_packages wireplumber:arm64 libwireplumber-0.5-0:arm64
sha256sum ./*.deb > /out/packages.sha256
for deb in *.deb; do dpkg -x "$deb" /out/tree; done
