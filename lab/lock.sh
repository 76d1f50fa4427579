#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes requirements.txt anew after a change of pyproject.toml ('make lock'): the version of all that pip installs,
# with the SHA-256 of each of its files, for every platform and Python. What is pinned there already stays as it is.
set -eu
cd "$(dirname "$0")/.."

# pip itself resolves for one platform only, and uv for all of them.
tool=build/lock
[ -x "$tool/bin/python" ] || python3 -m venv "$tool"
"$tool/bin/python" -m pip install --quiet --disable-pip-version-check \
	--require-hashes -r lab/lock.txt

new=$(mktemp)
trap 'rm -f "$new"' EXIT
header=$(sed -n '1,2p' requirements.txt)
cat requirements.txt > "$new" # the versions to stay at
"$tool/bin/uv" pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
	--no-emit-index-url --no-annotate --no-header --output-file "$new" pyproject.toml
printf '%s\n' "$header" | cat - "$new" > requirements.txt
