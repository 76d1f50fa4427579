# SPDX-License-Identifier: MIT
SUMMARY = "Device tree of the virtual Dragonboard 845c"
DESCRIPTION = "What the kernel is told of QEMU's machine and of the audio DSP that it does not have"
SECTION = "bsp"
LICENSE = "GPL-2.0-only"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/GPL-2.0-only;md5=801f80980d171dd6425610833a22dbe6"

SRC_URI = "file://dts/virtual-db845c.dts"

COMPATIBLE_MACHINE = "^virtual-db845c$"

# It includes nothing of the kernel's.
KERNEL_INCLUDE = ""
DT_FILES_PATH = "${S}/dts"
DT_FILES = "virtual-db845c.dtb"

inherit devicetree
