# SPDX-License-Identifier: MIT
SUMMARY = "Audio DSP of the virtual Dragonboard 845c"
DESCRIPTION = "Program that answers Qualcomm's audio drivers as the DSP's firmware does, decodes what it is sent, and keeps a record"
SECTION = "multimedia"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

DEPENDS = "flac mpg123"

# The header of the module is the interface of its character device.
SRC_URI = "\
    file://dsp \
    file://module/virtual-adsp.h \
    file://systemd \
"
S = "${UNPACKDIR}/dsp"

COMPATIBLE_MACHINE = "^virtual-db845c$"

inherit pkgconfig

# More decoders: avcodec (WMA, APE) wants an ffmpeg that is not trimmed, faad (AAC) makes the program GPL.
PACKAGECONFIG ??= ""
PACKAGECONFIG[avcodec] = ",,ffmpeg"
PACKAGECONFIG[faad] = ",,faad2"

# The sources are warning-free with the project's compilers; another one may know more warnings.
EXTRA_OEMAKE = "WARNINGS='-Wall -Wextra' DECODERS='${PACKAGECONFIG}'"

do_configure[noexec] = "1"

do_install() {
    oe_runmake install DESTDIR=${D} PREFIX=${prefix}
    install -D -m 0644 -t ${D}${systemd_system_unitdir} ${UNPACKDIR}/systemd/*.service
    install -D -m 0644 -t ${D}${nonarch_base_libdir}/udev/rules.d ${UNPACKDIR}/systemd/*.rules
}

# udev starts the service when the device appears: nothing to enable.
FILES:${PN} += "${systemd_system_unitdir} ${nonarch_base_libdir}/udev"
