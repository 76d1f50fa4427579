# SPDX-License-Identifier: MIT
require stubs.inc

PROVIDES = "base-files base-passwd bash-completion shadow shadow-sysroot"
PACKAGES = "${PN}"
ALLOW_EMPTY:${PN} = "1"
RPROVIDES:${PN} = "base-files base-passwd bash-completion shadow"
