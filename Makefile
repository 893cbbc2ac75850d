# Needs Python 3.11+, make, bash and git; everything else comes as a package into .venv.
PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.8
SOURCES := activities api bench commands config connectors domain drawings local storage workflows cli.py cli_keys.py worker.py
ARGS ?=
# test processes at once, each with servers of its own
JOBS ?= 2
SHELL := bash
.SHELLFLAGS := -o pipefail -ec

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-browser bench lint alerts audit faults soak histories lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/installed .venv/linked ## make .venv from the hash-pinned lock (again only when the lock changed)

.venv/installed: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Countersign needs Python 3.11 or newer; " + sys.executable + " is " + sys.version.split()[0] + ". Name another one: make setup PYTHON=python3.12")'
	@echo "==> .venv: installing the locked packages (first time: one to two minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-deps --require-hashes -r requirements-dev.lock \
	  | { grep --line-buffered -E '^(Collecting|Installing|Successfully|ERROR)' || true; } | cut -c1-100
	@$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@

.venv/linked: pyproject.toml .venv/installed
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation \
	  --config-settings editable_mode=compat --editable .
	@touch $@

demo: setup ## the main job on real input, checked step by step; own ports, own folder
	@$(BIN)/python -m local.demo $(ARGS)

up: setup ## serve the whole stack on loopback until Ctrl-C
	@$(BIN)/python -m local.up $(ARGS)

test: setup ## all tests but the slow ones and those that need a browser; ARGS='-k name' for some
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not fault and not soak and not browser" $(ARGS)

test-browser: setup ## the customer's page in Chromium; pictures of it in var/screenshots
	@.ci/chromium
	@$(BIN)/python -m pytest -q tests/browser $(ARGS)

faults: setup ## kill and stop real processes while pushes run, count at the ERP; FAST=1; ARGS=name for some
	@$(if $(ARGS)$(FAST),,$(BIN)/python -m pytest -q -m fault)
	@$(BIN)/python -m tests.faults $(if $(FAST),--fast) $(ARGS)

soak: setup ## one draft under 3,000 edits and 200 senders at once, over many runs
	@$(BIN)/python -m pytest -m soak -s $(ARGS)

histories: setup ## record the histories of kinds of drafts that have none yet; never replaces one
	@$(BIN)/python -m tests.replay.record $(ARGS)

bench: setup ## what approve and push cost, and with 20,000 open drafts: half an hour; ARGS=--quick: a minute
	@$(BIN)/python -m bench $(ARGS)

alerts: setup ## the alert rules by promtool, taken from Debian's package when there is none (needs the network)
	@command -v promtool > /dev/null || test -x build/prometheus/usr/bin/promtool || { mkdir -p build/prometheus && \
	  cd build/prometheus && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb; }
	@$(BIN)/python -m pytest tests/observability/test_alerts.py $(ARGS)

lint: setup ## ruff, mypy --strict, import contracts, bandit
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit -q -r -ll -ii $(SOURCES)

audit: setup ## known vulnerabilities in the locked packages; needs the network, fails when it could not ask
	@.ci/audit

lock: ## pin every package by hash again: requirements.lock, requirements-dev.lock
	@test -x build/lock/bin/uv || ($(PYTHON) -m venv build/lock && build/lock/bin/pip install -q uv==$(UV_VERSION))
	@build/lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-config $(ARGS) -q -o requirements.lock
	@echo 'setuptools>=77' | build/lock/bin/uv pip compile pyproject.toml - --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-config --constraint requirements.lock $(ARGS) -q -o requirements-dev.lock
	@! grep -nE '://' requirements.lock requirements-dev.lock

clean: ## remove what setup, tests and tools made; ./var (your local data) stays
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
