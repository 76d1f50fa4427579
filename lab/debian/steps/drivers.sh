# SPDX-License-Identifier: MIT
# The bridge module of the virtual ADSP, and the kernel's own modules with the layer's patches.
# Inputs: kernel, module (the bridge's sources), patches (files/ of the kernel recipe).
release=$(cat /in/kernel/release)
cp -a --no-preserve=ownership /in/kernel/headers headers
# Debian's headers include their common part by absolute path.
sed -i 's,^include /usr/src/,include /work/headers/usr/src/,' headers/usr/src/linux-headers-"$release"/Makefile
build=/work/headers/usr/src/linux-headers-$release
# There is no pahole here to make the modules' BTF.
kbuild() {
	make -C "$build" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CONFIG_DEBUG_INFO_BTF_MODULES= -j"$JOBS" "$@"
}

cp -r /in/module bridge
kbuild M=/work/bridge modules

series=/in/patches/$(echo "$release" | cut -d. -f1,2)/series
test -f "$series" || { echo "the layer has no patch series for Linux $release" >&2; exit 1; }
cp -r /in/kernel/source linux
sed 's/ *#.*//' "$series" | while read -r name; do
	[ -z "$name" ] || patch -d linux -p1 --fuzz=0 --no-backup-if-mismatch < "/in/patches/$name"
done

# build FOLDER OBJECT...: modules of one folder; later ones may use what earlier ones export.
build() {
	folder=linux/$1
	shift
	kbuild M=/work/"$folder" KBUILD_EXTRA_SYMBOLS="$symbols" "$@"
	symbols="$symbols /work/$folder/Module.symvers"
	for object in "$@"; do cp "$folder/$object" /out/patched/; done
}
symbols=
mkdir /out/needed /out/patched
build drivers/soc/qcom apr.ko
build sound/core snd-compress.ko
build sound/soc snd-soc-core.ko
build sound/soc/qcom snd-soc-qcom-common.ko qdsp6/q6core.ko qdsp6/q6afe.ko qdsp6/q6adm.ko qdsp6/q6asm.ko qdsp6/q6asm-dai.ko
# Without these two there is no compress device, or it oopses: the unpatched image has them, too.
cp bridge/*.ko /out/needed/
mv /out/patched/snd-soc-qcom-common.ko /out/needed/
