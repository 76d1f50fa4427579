# SPDX-License-Identifier: MIT
# Debian's arm64 kernel: image and modules, headers to build against, and the sources of what we patch.
. /in/fetch

package=$(apt-cache depends linux-image-arm64:arm64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ :]*\).*/\1/p' | head -n 1)
release=${package#linux-image-}
common=linux-headers-${release%-arm64}-common
kbuild=linux-kbuild-${release%-arm64}
source=linux-source-$(echo "$release" | cut -d. -f1,2)
fetch_packages "$package:arm64" "linux-headers-$release:arm64" "$common" "$kbuild" "$source"

echo "$release" > /out/release
sha256sum ./*.deb > /out/packages.sha256
dpkg -x "$package"_*.deb image
mkdir /out/lib
mv image/boot/vmlinuz-* /out/vmlinuz
mv image/usr/lib/modules /out/lib/modules 2>/dev/null || mv image/lib/modules /out/lib/modules

# The headers' Makefiles name each other by absolute path: keep Debian's places, under one folder.
for deb in linux-headers-*.deb linux-kbuild-*.deb; do dpkg -x "$deb" /out/headers; done

dpkg -x "$source"_*.deb source
tar -C /out --no-same-owner -xf source/usr/src/linux-source-*.tar.xz --transform 's,^linux-source-[^/]*,source,' \
	--wildcards --no-wildcards-match-slash \
	'linux-source-*/drivers/soc/qcom' 'linux-source-*/sound/core' 'linux-source-*/sound/soc/Makefile' 'linux-source-*/sound/soc/*.[ch]' 'linux-source-*/sound/soc/qcom' \
	'linux-source-*/scripts/checkpatch.pl' 'linux-source-*/scripts/spelling.txt' 'linux-source-*/scripts/const_structs.checkpatch'
