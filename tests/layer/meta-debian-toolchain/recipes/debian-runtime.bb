# SPDX-License-Identifier: MIT
SUMMARY = "The shared libraries that Debian's development packages link to"
require debian-provider.inc
require ${DEBIAN_PROVIDERS}/recipes/debian-runtime.inc

PROVIDES += "virtual/libc"

PACKAGES = "${PN}"
FILES:${PN} = "${libdir}"
DEBIAN_NOAUTONAME:${PN} = "1"
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
