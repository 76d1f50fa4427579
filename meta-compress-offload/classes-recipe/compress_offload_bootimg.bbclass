# SPDX-License-Identifier: MIT
#
# An Android boot image of the kernel, named like those of meta-qcom's linux-qcom-bootimg: boot-DTB-MACHINE.img.
# For KERNEL_CLASSES of a machine whose device tree comes from virtual/dtb and not from the kernel.

COMPRESS_OFFLOAD_BOOTIMG_DTB[doc] = "File of virtual/dtb that is appended to the kernel."
COMPRESS_OFFLOAD_BOOTIMG_BASE ?= "0x80000000"
COMPRESS_OFFLOAD_BOOTIMG_BASE[doc] = "Start of the memory in the image's header; that of the SDM845."
COMPRESS_OFFLOAD_BOOTIMG_PAGE_SIZE ?= "4096"
COMPRESS_OFFLOAD_BOOTIMG_PAGE_SIZE[doc] = "Bytes; the sectors of the board's UFS."
COMPRESS_OFFLOAD_BOOTIMG_ROOT ?= "PARTLABEL=rootfs"
COMPRESS_OFFLOAD_BOOTIMG_ROOT[doc] = "Where the kernel finds the root file system."
KERNEL_CMDLINE_EXTRA ?= ""

BOOTIMG_DEPLOYDIR = "${WORKDIR}/bootimg-deploy-${PN}"

def bootimg_cmdline(d):
    consoles = (console.split(";") for console in d.getVar("SERIAL_CONSOLES").split())
    words = [f"root={d.getVar('COMPRESS_OFFLOAD_BOOTIMG_ROOT')}", "rw", "rootwait"]
    words += [f"console={tty},{rate}n8" for rate, tty in consoles]
    return " ".join(words + d.getVar("KERNEL_CMDLINE_EXTRA").split())

# The kernel and the device tree are taken as they were deployed, which is also there where do_deploy came from
# sstate. mkbootimg wants a ramdisk; the kernel has built in what it needs to mount its root, so that it is empty.
do_bootimg_deploy() {
    dtb="${COMPRESS_OFFLOAD_BOOTIMG_DTB}"
    cat "${DEPLOY_DIR_IMAGE}/Image.gz" "${DEPLOY_DIR_IMAGE}/devicetree/$dtb" > "${B}/kernel-dtb"
    : > "${B}/no-ramdisk"
    image="boot-${dtb%.dtb}-${KERNEL_IMAGE_NAME}.img"
    mkbootimg --kernel "${B}/kernel-dtb" --ramdisk "${B}/no-ramdisk" \
        --base "${COMPRESS_OFFLOAD_BOOTIMG_BASE}" --pagesize "${COMPRESS_OFFLOAD_BOOTIMG_PAGE_SIZE}" \
        --cmdline "${@bootimg_cmdline(d)}" --output "${BOOTIMG_DEPLOYDIR}/$image"
    ln -sf "$image" "${BOOTIMG_DEPLOYDIR}/boot-${dtb%.dtb}-${KERNEL_IMAGE_LINK_NAME}.img"
    ln -sf "$image" "${BOOTIMG_DEPLOYDIR}/boot-${KERNEL_IMAGE_LINK_NAME}.img"
}
do_bootimg_deploy[doc] = "Writes the Android boot image to the deploy folder"
addtask bootimg_deploy after do_deploy before do_build
do_bootimg_deploy[depends] += "android-tools-native:do_populate_sysroot virtual/dtb:do_deploy"
do_bootimg_deploy[cleandirs] = "${BOOTIMG_DEPLOYDIR}"
do_bootimg_deploy[dirs] = "${BOOTIMG_DEPLOYDIR} ${B}"
do_bootimg_deploy[stamp-extra-info] = "${MACHINE_ARCH}"

SSTATETASKS += "do_bootimg_deploy"
do_bootimg_deploy[sstate-inputdirs] = "${BOOTIMG_DEPLOYDIR}"
do_bootimg_deploy[sstate-outputdirs] = "${DEPLOY_DIR_IMAGE}"

python do_bootimg_deploy_setscene() {
    sstate_setscene(d)
}
do_bootimg_deploy_setscene[doc] = "Takes the Android boot image from shared state"
addtask do_bootimg_deploy_setscene

# The kernel is in a partition of its own, not in /boot.
# nooelint: oelint.vars.pkgspecific.RDEPENDS,oelint.vars.specific - kernel.bbclass names the package so
RDEPENDS:${KERNEL_PACKAGE_NAME}-base = ""
