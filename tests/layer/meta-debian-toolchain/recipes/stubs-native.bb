# SPDX-License-Identifier: MIT
require stubs.inc
inherit native

PROVIDES = "pseudo-native shadow-native virtual/fakeroot-native"
