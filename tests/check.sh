#!/bin/sh
# SPDX-License-Identifier: MIT
# All style and static checks, the same by hand ('make check') and in CI. Every check runs; one that fails is named.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=.venv/bin
failed=

check() {
	name=$1
	shift
	if output=$("$@" 2>&1); then
		echo "ok    $name"
	else
		echo "FAIL  $name"
		printf '%s\n' "$output" | sed 's/^/      /'
		failed="$failed $name"
	fi
}

shell_scripts() {
	git ls-files -co --exclude-standard '*.sh' .ci/run lab/debian/initramfs/init
}

patches_complete() {
	for patch in $(git ls-files -co --exclude-standard '*.patch'); do
		for line in '^Subject: ' '^Signed-off-by: ' '^Upstream-Status: '; do
			grep -q "$line" "$patch" || { echo "$patch: no line '$line'"; return 1; }
		done
	done
}

check "ruff: lint" $bin/ruff check .
check "ruff: format" $bin/ruff format --check .
check "mypy" $bin/mypy lab
# shellcheck disable=SC2046 # a list of files
check "shellcheck" shellcheck --shell=sh --exclude=SC1091,SC2013 $(shell_scripts)
check "reuse: licences" $bin/reuse lint --quiet
check "patches: headers" patches_complete

[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
