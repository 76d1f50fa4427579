# SPDX-License-Identifier: MIT
SUMMARY = "Test program for ALSA compress devices"
DESCRIPTION = "Drives a compress device call by call, as no player does: fragments, drain, pause, gapless, errors"
SECTION = "multimedia"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "\
    file://Makefile \
    file://compress-client.c \
    file://header.c \
    file://header.h \
"
S = "${UNPACKDIR}"

EXTRA_OEMAKE = "STRICT='-std=gnu11 -Wall -Wextra'"

do_configure[noexec] = "1"

do_install() {
    oe_runmake install DESTDIR=${D} PREFIX=${prefix}
}
