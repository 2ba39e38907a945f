# What a person runs here. Each target sets up .venv itself, from constraints.txt: exact versions, checked by their hashes.

PYTHON ?= python3
BIN := .venv/bin
# Two more than there are processors: a story waits for its hosts most of the time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# Not in the project's own environment: it is needed only to write constraints.txt anew.
PIP_TOOLS := pip-tools==7.6.2
# For make soak: how many rounds, or from which to which.
SEEDS ?= 30
# For make bench: what python -m bench --help lists.
BENCH ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The parts of the host's side of a session, in the order in which rolloutctl joins them: they are checked as one.
PARTS := rolloutctl/outside/session_sh
SESSION = $(PARTS)/begin.sh $(filter-out %/begin.sh %/serving.sh,$(sort $(wildcard $(PARTS)/*.sh))) $(PARTS)/serving.sh
SH_SCRIPTS = build/session.sh $(wildcard rolloutctl/outside/*.sh) $(shell grep -lE '^\#!.*[/ ](ba)?sh' .ci/run scripts/* 2>/dev/null)
PHP_SCRIPTS = $(wildcard rolloutctl/outside/*.php) $(shell find tests -name '*.php' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test faults soak bench bench-peers bench-pins lint lab-packages constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/ready ## toggle, status, audit and rollback on a host of its own; needs no server
	scripts/demo

test: lab-packages .venv/ready ## every test, on real sshd, php-fpm and Laravel where those may be installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

faults: lab-packages .venv/ready ## every fault at every moment of a change, printed as a table; PART=2/5 plays a fifth of it
	ROLLOUTCTL_FAULTS=$(or $(PART),all) $(BIN)/python -m pytest tests/faults/test_matrix.py -n auto --timeout 300

soak: lab-packages .venv/ready ## operators, commands and faults at random on real hosts: make soak SEEDS=200, SEEDS=40-60
	$(BIN)/python -m tests.soak $(SEEDS)

bench: .venv/ready ## what a change costs, beside bare ssh: make bench BENCH="--hosts 1 --only change off"
	scripts/lab-packages curl
	@mkdir -p build
	$(BIN)/python -m bench --json build/bench.json $(if $(wildcard build/peers/ready),--peers build/peers) $(BENCH)

bench-peers: build/peers/ready ## install the other tools that make bench compares with, in build/peers

lint: .venv/ready build/session.sh ## style, types, the rule of imports, the shell scripts and the PHP
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(call check-with,shellcheck,$(SH_SCRIPTS))
	$(call check-with,php -l,$(PHP_SCRIPTS))

lab-packages: ## install the Debian packages of the lab, where that is allowed
	scripts/lab-packages

constraints: ## write constraints.txt anew: the newest versions, with the hashes of all their files
	$(call compile,--extra dev --output-file constraints.txt pyproject.toml)

bench-pins: ## write bench/peers.txt anew, in the same way
	$(call compile,--output-file bench/peers.txt bench/peers.in)

clean: ## remove everything that make has made
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find rolloutctl tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

build/session.sh: $(SESSION)
	@mkdir -p build
	@cat $^ >$@

# The project itself, editable, on top of what constraints.txt names.
.venv/ready: .venv/packages pyproject.toml rolloutctl/__init__.py
	@echo "Installing rolloutctl into .venv"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.venv/packages: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "rolloutctl needs Python 3.11 or newer as $(PYTHON); name another one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv (once, and again when constraints.txt changes)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --only-binary :all: --require-hashes -r constraints.txt
	@touch $@

# Apart from .venv: what these need is no business of the project's.
build/peers/ready: bench/peers.txt
	@echo "Setting up build/peers (once, and again when bench/peers.txt changes)"
	@$(PYTHON) -m venv --clear build/peers
	@build/peers/bin/pip install --quiet --only-binary :all: --require-hashes -r bench/peers.txt
	@touch $@

# $(call compile,ARGUMENTS): pip-compile, in an environment of its own.
define compile
	rm -rf build/pip-tools
	$(PYTHON) -m venv build/pip-tools
	build/pip-tools/bin/pip install --quiet "$(PIP_TOOLS)"
	CUSTOM_COMPILE_COMMAND="make $@" build/pip-tools/bin/pip-compile --quiet --upgrade \
	  --generate-hashes --allow-unsafe --strip-extras --no-emit-options --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host $(1)
endef

# $(call check-with,TOOL,FILES): one file at a time, as php -l takes no more. In CI a missing tool is a failure, elsewhere one line.
define check-with
@if command -v $(firstword $(1)) >/dev/null; then \
  echo "$(1) $(words $(2)) files"; \
  for file in $(2); do said=$$($(1) "$$file" 2>&1) || { printf '%s\n' "$$said" >&2; exit 1; }; done; \
elif [ -n "$$CI" ]; then echo "$(firstword $(1)) is not installed, and CI needs it" >&2; exit 1; \
else echo "$(firstword $(1)) is not installed, so these were not checked: $(2)" >&2; fi
endef
