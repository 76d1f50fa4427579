# SPDX-License-Identifier: MIT
#
# For what makes sense only with the distro feature, on a machine whose sound card has a compress device. Where
# one of them is missing the recipe is skipped, and BitBake says what to set.

COMPRESS_OFFLOAD_MACHINES ?= "virtual-db845c qcom-armv8a sdm845"
COMPRESS_OFFLOAD_MACHINES[doc] = "Machines, or overrides of machines, that are known to have a compress device."

# nooelint: oelint.task.noanonpython - a recipe can only be skipped while it is parsed
python () {
    if bb.utils.to_boolean(d.getVar("PARSE_ALL_RECIPES", False)):
        return
    if not bb.utils.contains("DISTRO_FEATURES", "compress-offload", True, False, d):
        raise bb.parse.SkipRecipe(
            "it needs the distro feature compress-offload: set DISTRO_FEATURES:append = \" compress-offload\"")
    known = d.getVar("COMPRESS_OFFLOAD_MACHINES")
    names = d.getVar("MACHINEOVERRIDES").split(":")
    if not set(names) & set(known.split()) and "compress-offload" not in d.getVar("MACHINE_FEATURES").split():
        raise bb.parse.SkipRecipe(
            "machine %s has no compress device that is known here (known: %s); if it has one, "
            "set MACHINE_FEATURES:append = \" compress-offload\"" % (d.getVar("MACHINE"), known))
}
