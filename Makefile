# SPDX-License-Identifier: MIT
# Two commands do all the set-up: make demo, make test.
.PHONY: setup demo test fuzz check check-layer check-recipes build-recipes layer-figures bench soak fleet image lock clean help

PYTHON := .venv/bin/python

help:
	@echo "make demo    set up, then flash, boot and play on the virtual board; writes build/runs/latest/report.html"
	@echo "make test    set up, then all tests, on the virtual board too"
	@echo "make fuzz    hostile input for all that parses it, 100,000 cases each (FUZZ_ARGS='--seconds 60 gpt'; --seed N)"
	@echo "make check   all style and static checks"
	@echo "make check-layer  yocto-check-layer, half an hour (needs OFFLOAD_CLONES, see docs/yocto.md)"
	@echo "make check-recipes, build-recipes   the layer's recipes under bitbake: the quick part, and all of them"
	@echo "make layer-figures  what the layer costs: time to parse, sizes of packages; after build-recipes"
	@echo "make bench   the performance figures"
	@echo "make soak    hours of everything that players do, every byte verified (SOAK_ARGS=--hours 1)"
	@echo "make fleet   the board tests on three virtual boards at once, through a coordinator (FLEET_ARGS=--scaling)"
	@echo "make image   build the virtual board's image alone (PIPEWIRE_SOURCE=auto|git|debian)"
	@echo "make setup   install what is missing: Debian packages through apt, Python packages in .venv"
	@echo "make lock    requirements.txt anew, after a change of pyproject.toml: versions and hashes"
	@echo "make clean   remove builds and runs; downloads and the lab's keys go too"

setup:
	@lab/setup.sh

demo: setup
	@.venv/bin/offload-lab demo

test: setup
	@$(PYTHON) -m lab.debian >/dev/null
	@$(PYTHON) -m lab.debian unpatched >/dev/null
	@$(PYTHON) -m pytest --junitxml=build/junit.xml $(PYTEST_ARGS)

fuzz:
	@lab/setup.sh fuzz
	@$(PYTHON) -m tests.fuzz.run $(FUZZ_ARGS)

check: setup
	@tests/check.sh

check-layer: setup
	@$(PYTHON) tests/layer/check_layer.py

check-recipes: setup
	@$(PYTHON) -m pytest tests/layer/test_recipes.py $(PYTEST_ARGS)

build-recipes: setup
	@OFFLOAD_BUILD_RECIPES=1 $(PYTHON) -m pytest tests/layer/test_recipes.py $(PYTEST_ARGS)

layer-figures: setup
	@$(PYTHON) tests/layer/figures.py

bench: setup
	@$(PYTHON) -m lab.bench

soak: setup
	@$(PYTHON) -m lab.soak $(SOAK_ARGS)

fleet: setup
	@$(PYTHON) -m lab.fleet $(FLEET_ARGS)

image: setup
	@$(PYTHON) -m lab.debian

lock:
	@lab/lock.sh

clean:
	-@[ ! -x .venv/bin/offload-lab ] || .venv/bin/offload-lab board stop
	rm -rf build .pytest_cache .mypy_cache .ruff_cache
