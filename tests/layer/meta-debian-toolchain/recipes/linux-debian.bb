# SPDX-License-Identifier: MIT
SUMMARY = "Debian's kernel, as far as a module needs it"
LICENSE = "GPL-2.0-only"
LIC_FILES_CHKSUM = "file://${COREBASE}/meta/files/common-licenses/GPL-2.0-only;md5=801f80980d171dd6425610833a22dbe6"

PROVIDES = "virtual/kernel make-mod-scripts"
PACKAGE_ARCH = "${MACHINE_ARCH}"
inherit nopackages

INHIBIT_DEFAULT_DEPS = "1"
deltask do_fetch
deltask do_unpack
deltask do_patch
do_configure[noexec] = "1"
do_install[noexec] = "1"

# DEBIAN_KERNEL has Debian's files as they are installed: usr/src and usr/lib, in a cached step's result.
do_compile[cleandirs] = "${STAGING_KERNEL_DIR} ${STAGING_KERNEL_BUILDDIR} ${WORKDIR}/lib"
do_compile() {
    release=$(cat ${DEBIAN_KERNEL}/release)
    headers=${DEBIAN_KERNEL}/headers/usr/src/linux-headers-$release
    cp -rL ${headers%-arm64}-common/. ${STAGING_KERNEL_DIR}
    cp -rL $headers/. ${STAGING_KERNEL_BUILDDIR}
    # There is no pahole here to make the modules' BTF, and OE's modules are not compressed.
    sed -i '/CONFIG_DEBUG_INFO_BTF_MODULES/d; /CONFIG_MODULE_COMPRESS/d' ${STAGING_KERNEL_BUILDDIR}/include/config/auto.conf
    echo $release > ${STAGING_KERNEL_BUILDDIR}/kernel-abiversion
}
