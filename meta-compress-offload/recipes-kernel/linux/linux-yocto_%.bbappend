# SPDX-License-Identifier: MIT
require ${@bb.utils.contains("DISTRO_FEATURES", "compress-offload", "linux-compress-offload.inc", "", d)}

# The kernel of the virtual board: that of qemuarm64, and what the board needs to mount its root without a ramdisk.
FILESEXTRAPATHS:prepend:virtual-db845c := "${THISDIR}/linux-yocto:"
SRC_URI:append:virtual-db845c = " file://virtual-db845c.cfg"
COMPATIBLE_MACHINE:virtual-db845c = "virtual-db845c"
KMACHINE:virtual-db845c = "qemuarm64"
KERNEL_FEATURES:append:virtual-db845c = " cfg/virtio.scc"
