# SPDX-License-Identifier: MIT
"""A virtual Dragonboard 845c: bootloader, buttons, power and console of the board around a QEMU machine.

Whoever uses it sees a board: power and buttons over REST, fastboot, a serial console, SSH. Nothing outside
this package knows that it is QEMU. `lab.virtual.client` starts and stops the board's process.
"""
