# SPDX-License-Identifier: MIT
SUMMARY = "systemd on a machine whose time is virtual"
DESCRIPTION = "The virtual board's clock counts instructions and skips idle time: no unit may be given seconds to start"
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "file://virtual-time.conf"

S = "${UNPACKDIR}"

inherit allarch

COMPATIBLE_MACHINE = "^virtual-db845c$"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -D -m 0644 -t ${D}${systemd_unitdir}/system.conf.d ${UNPACKDIR}/virtual-time.conf
}

FILES:${PN} += "${systemd_unitdir}"
