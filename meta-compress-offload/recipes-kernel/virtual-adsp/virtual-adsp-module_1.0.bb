# SPDX-License-Identifier: MIT
SUMMARY = "APR bus of the virtual Dragonboard 845c"
DESCRIPTION = "Kernel module that hands the packets of Qualcomm's audio drivers to a program through /dev/virtual-adsp"
SECTION = "kernel"
LICENSE = "GPL-2.0-only"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/GPL-2.0-only;md5=801f80980d171dd6425610833a22dbe6"

SRC_URI = "file://module"
S = "${UNPACKDIR}/module"

COMPATIBLE_MACHINE = "^virtual-db845c$"

inherit module

EXTRA_OEMAKE += "KDIR='${STAGING_KERNEL_DIR}'"
MAKE_TARGETS = "all"
