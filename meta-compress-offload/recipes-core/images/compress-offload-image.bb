# SPDX-License-Identifier: MIT
SUMMARY = "Audio decoded by the DSP: the image of a product"
DESCRIPTION = "Nobody can log in, and nothing waits for connections but the socket of PipeWire on the device itself"

require compress-offload-image.inc
