# SPDX-License-Identifier: MIT
require ${@bb.utils.contains("DISTRO_FEATURES", "compress-offload", "${BPN}-compress-offload.inc", "", d)}
