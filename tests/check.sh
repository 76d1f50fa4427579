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

check "ruff: lint" $bin/ruff check .
check "ruff: format" $bin/ruff format --check .
check "mypy" $bin/mypy lab
# shellcheck disable=SC2046 # a list of files
check "shellcheck" shellcheck --shell=sh --exclude=SC1091,SC2013 $(shell_scripts)
check "reuse: licences" $bin/reuse lint --quiet
check "pytest finds every test" $bin/python -m pytest -q --collect-only
check "layer: style guide, patch headers, guards" $bin/python -m pytest -q tests/layer/test_style.py

[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
