# SPDX-License-Identifier: MIT
require ${@bb.utils.contains("DISTRO_FEATURES", "compress-offload", "recipes-kernel/linux/linux-compress-offload.inc", "", d)}
