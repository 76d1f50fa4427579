# SPDX-License-Identifier: MIT
SUMMARY = "Names of firmware that meta-lts-mixins has, and wrynose has not"
LICENSE = "CLOSED"

RPROVIDES:${PN} = "linux-firmware-qcom-shikra-compute"
