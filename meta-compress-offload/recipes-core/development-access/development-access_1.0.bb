# SPDX-License-Identifier: MIT
SUMMARY = "Ways into a board on a developer's desk or in a lab"
DESCRIPTION = "One SSH key for root, and a root shell on the serial console. Not for a product."
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "\
    file://autologin.conf \
    file://development.conf \
"

COMPRESS_OFFLOAD_SSH_KEY ?= ""
COMPRESS_OFFLOAD_SSH_KEY[doc] = "Public key that may log in as root, as it stands in a file like id_ed25519.pub."

S = "${UNPACKDIR}"

inherit allarch

# nooelint: oelint.task.noanonpython - a recipe can only be skipped while it is parsed
python () {
    if not d.getVar("COMPRESS_OFFLOAD_SSH_KEY").strip():
        raise bb.parse.SkipRecipe("set COMPRESS_OFFLOAD_SSH_KEY to the public key that may log in, "
            "e.g. the contents of ~/.ssh/id_ed25519.pub")
}

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d -m 0700 ${D}${ROOT_HOME} ${D}${ROOT_HOME}/.ssh
    printf '%s\n' '${COMPRESS_OFFLOAD_SSH_KEY}' > ${D}${ROOT_HOME}/.ssh/authorized_keys
    chmod 0600 ${D}${ROOT_HOME}/.ssh/authorized_keys
    install -D -m 0644 -t ${D}${sysconfdir}/ssh/sshd_config.d ${UNPACKDIR}/development.conf
    install -D -m 0644 -t ${D}${systemd_system_unitdir}/serial-getty@.service.d ${UNPACKDIR}/autologin.conf
}

FILES:${PN} += "${ROOT_HOME} ${systemd_system_unitdir}"
