# SPDX-License-Identifier: MIT
# The bridge module of the virtual ADSP, and Qualcomm's audio modules with the layer's kernel patches.
# Inputs: kernel, module (the bridge's sources), patches (files/ of the kernel recipe).
release=$(cat /in/kernel/release)
cp -a --no-preserve=ownership /in/kernel/headers headers
# Debian's headers include their common part by absolute path.
sed -i 's,^include /usr/src/,include /work/headers/usr/src/,' headers/usr/src/linux-headers-"$release"/Makefile
build=/work/headers/usr/src/linux-headers-$release
options="ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CONFIG_DEBUG_INFO_BTF_MODULES="

cp -r /in/module bridge
make -C "$build" M=/work/bridge $options modules

cp -r /in/kernel/source linux
for patch in /in/patches/*.patch /in/patches/"$(echo "$release" | cut -d. -f1,2)"/*.patch; do
	[ ! -e "$patch" ] || patch -d linux -p1 --fuzz=0 --no-backup-if-mismatch < "$patch"
done
make -C "$build" M=/work/linux/sound/soc/qcom $options snd-soc-qcom-common.ko qdsp6/q6asm-dai.ko qdsp6/q6asm.ko
cp bridge/*.ko linux/sound/soc/qcom/snd-soc-qcom-common.ko linux/sound/soc/qcom/qdsp6/q6asm-dai.ko linux/sound/soc/qcom/qdsp6/q6asm.ko /out/
