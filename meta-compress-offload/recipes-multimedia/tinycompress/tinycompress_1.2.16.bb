# SPDX-License-Identifier: MIT
# meta-multimedia has 1.2.13 in wrynose and 1.2.16 in its master: this recipe goes when the release follows. It is
# a recipe and not a bbappend, because an append that changes the version of another layer's recipe breaks with it.
SUMMARY = "Library and players for ALSA compress devices"
DESCRIPTION = "${SUMMARY}: cplay takes MP3 and the like apart by itself, fcplay by FFmpeg's libavformat"
HOMEPAGE = "https://github.com/alsa-project/tinycompress"
BUGTRACKER = "https://github.com/alsa-project/tinycompress/issues"
SECTION = "multimedia"
LICENSE = "LGPL-2.1-only | BSD-3-Clause"
LIC_FILES_CHKSUM = "file://COPYING;md5=cf9105c1a2d4405cbe04bbe3367373a0"

SRC_URI = "git://github.com/alsa-project/tinycompress.git;branch=master;protocol=https;tag=v${PV}"
SRCREV = "6b064c5b614bde950560a345ca0702e76668bdab"

# Without the feature nobody gets another version than meta-multimedia's.
REQUIRED_DISTRO_FEATURES = "compress-offload"

inherit autotools pkgconfig features_check
