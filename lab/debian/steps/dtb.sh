# SPDX-License-Identifier: MIT
dtc -I dts -O dtb -o /out/virtual-db845c.dtb /in/dts/virtual-db845c.dts
