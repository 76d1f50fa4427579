# SPDX-License-Identifier: MIT
require stubs.inc
SUMMARY = "The one file that a recipe without introspection wants"
inherit native

do_install() {
    install -D -m 0644 /dev/null ${D}${datadir}/aclocal/introspection.m4
}
