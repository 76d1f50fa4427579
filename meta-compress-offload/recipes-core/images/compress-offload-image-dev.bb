# SPDX-License-Identifier: MIT
SUMMARY = "Audio decoded by the DSP: the image for development and tests"
DESCRIPTION = "SSH for the owner of COMPRESS_OFFLOAD_SSH_KEY, a root shell on the serial console, players, debug tools"

require compress-offload-image.inc

# nooelint: oelint.var.badimagefeature.tools-debug - that is what this image is for
IMAGE_FEATURES += "ssh-server-openssh tools-debug"

IMAGE_INSTALL += "\
    development-access \
    packagegroup-compress-offload-tests \
    packagegroup-compress-offload-tools \
"
