# SPDX-License-Identifier: MIT
# Debian's arm64 packages that stand in for recipes, and all that they depend on. Variables: PACKAGES.
. /in/fetch

# An empty status: apt then solves, and downloads, the whole closure.
mkdir -p cache/archives/partial
: > status
cat >> apt.conf <<END
APT::Architecture "arm64";
APT::Install-Recommends "false";
Dir::State::status "/work/status";
Debug::NoLocking "true";
END
# shellcheck disable=SC2086 # a list of packages
with_fresh_lists apt-get install --yes --download-only $PACKAGES
mv cache/archives/*_arm64.deb cache/archives/*_all.deb /out/
