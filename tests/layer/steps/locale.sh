# SPDX-License-Identifier: MIT
# bitbake insists on this locale; the folder takes the place of /usr/lib/locale.
cp -r /usr/lib/locale/C.utf8 /out/
localedef -i en_US -f UTF-8 /out/en_US.utf8
