#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets a Debian 12 or 13 machine up for this project: missing Debian packages through apt, then .venv.
# Run by 'make setup'; does nothing where nothing is missing. 'lab/setup.sh fuzz' also installs what 'make fuzz' needs.
set -eu
cd "$(dirname "$0")/.."

packages="python3 python3-venv ca-certificates git openssh-client perl shellcheck
mmdebstrap bubblewrap uidmap gpgv debian-archive-keyring xz-utils
qemu-system-arm fastboot
ffmpeg flac e2fsprogs
gcc make pkg-config libc6-dev libmpg123-dev libflac-dev libavcodec-dev libfaad-dev"
[ "${1:-}" != fuzz ] || packages="$packages clang libclang-rt-dev"

missing=
for package in $packages; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing$package "
done

if [ -n "$missing" ]; then
	install="apt-get install -y --no-install-recommends $missing"
	if [ "$(id -u)" = 0 ]; then
		become=
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		become=sudo
	elif command -v sudo >/dev/null && [ -t 0 ]; then
		become=sudo
	else
		echo "setup: Debian packages are missing and this user may not install them. As root, run:" >&2
		echo "    $install" >&2
		exit 2
	fi
	echo "setup: installing $missing" >&2
	mkdir -p build/logs
	$become env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update && $install" > build/logs/setup-apt.log 2>&1 || {
		tail -n 3 build/logs/setup-apt.log >&2
		echo "setup: apt failed; log: build/logs/setup-apt.log" >&2
		exit 1
	}
fi

wanted=$(cat pyproject.toml requirements.txt lab/setup.sh | sha256sum | cut -c1-16)
if [ "$(cat .venv/.made-from 2>/dev/null || true)" != "$wanted" ]; then
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
		echo "setup: Python 3.11 or newer is needed; this is $(python3 --version)" >&2
		exit 2
	}
	echo "setup: making .venv" >&2
	[ -x .venv/bin/python ] || python3 -m venv --clear .venv
	mkdir -p build/logs
	install=".venv/bin/python -m pip install --quiet --disable-pip-version-check"
	# The package itself is built with what is there then: pip would fetch a setuptools whose hash nobody checks.
	{
		$install --require-hashes -r requirements.txt &&
			$install --no-index --no-deps --no-build-isolation -e .
	} > build/logs/setup-pip.log 2>&1 || {
		if grep -q "DO NOT MATCH THE HASHES" build/logs/setup-pip.log; then
			name=$(sed -n 's/^ *\([^ ]*==[^ ]*\) from .*/\1/p' build/logs/setup-pip.log | head -n 1)
			echo "setup: $name is not the file that requirements.txt knows; log: build/logs/setup-pip.log" >&2
		else
			tail -n 3 build/logs/setup-pip.log >&2
			echo "setup: pip failed; log: build/logs/setup-pip.log" >&2
		fi
		exit 1
	}
	echo "$wanted" > .venv/.made-from
fi
