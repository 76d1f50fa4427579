# SPDX-License-Identifier: MIT
SUMMARY = "Audio decoded by the DSP: the image of a product"
DESCRIPTION = "Nobody can log in, and nothing waits for connections but the socket of PipeWire on the device itself"
LICENSE = "MIT"

inherit core-image compress-offload

# Whatever a local.conf says: an image with one of these is not fit for a product. The development image has keys.
IMAGE_FEATURES:remove = "allow-empty-password allow-root-login empty-root-password serial-autologin-root"

IMAGE_INSTALL = "\
    packagegroup-compress-offload \
    packagegroup-core-boot \
    packagegroup-machine-base \
    ${CORE_IMAGE_EXTRA_INSTALL} \
"
