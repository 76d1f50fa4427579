# SPDX-License-Identifier: MIT
SUMMARY = "Audio that is decoded by the DSP"
SUMMARY:${PN} = "PipeWire as a system service, with sinks for encoded audio"
SUMMARY:${PN}-tools = "Players and tools for the command line"
SUMMARY:${PN}-tests = "What the tests on the board call"
DESCRIPTION = "PipeWire, and what it needs to hand encoded audio to the compress device of a sound card"
SECTION = "multimedia"

PACKAGE_ARCH = "${TUNE_PKGARCH}"

inherit packagegroup compress_offload

PACKAGES = "${PN} ${PN}-tools ${PN}-tests"

RDEPENDS:${PN} = "\
    alsa-ucm-conf \
    gstreamer1.0-pipewire \
    pipewire \
    pipewire-modules-meta \
    pipewire-spa-plugins-meta \
    wireplumber \
"

RDEPENDS:${PN}-tools = "\
    alsa-utils \
    gstreamer1.0 \
    gstreamer1.0-plugins-base-apps \
    gstreamer1.0-plugins-base-audioconvert \
    gstreamer1.0-plugins-base-audioresample \
    gstreamer1.0-plugins-base-playback \
    gstreamer1.0-plugins-base-typefindfunctions \
    gstreamer1.0-plugins-base-volume \
    gstreamer1.0-plugins-good-audioparsers \
    gstreamer1.0-plugins-good-flac \
    gstreamer1.0-plugins-good-id3demux \
    gstreamer1.0-plugins-good-isomp4 \
    gstreamer1.0-plugins-good-mpg123 \
    pipewire-spa-tools \
    pipewire-tools \
    tinycompress \
"

RDEPENDS:${PN}-tests = "compress-client"
