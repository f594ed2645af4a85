# Everything a person or CI does here is one of these targets. Each sets up what it needs.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help setup play test check bench eval loadtest drill chart docs

PYTHON ?= python3
USERS ?= 4
SECONDS ?= 30
# Room for torch, ray and their friends, and for pip to unpack them.
VENV_FREE_MB ?= 4000
TMP_FREE_MB ?= 1000

CHART := charts/nextframe
BIN := .venv/bin
STAMP := .venv/installed

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

setup: $(STAMP) ## install everything into .venv; the other targets call it
	@echo "Ready: .venv"

play: $(STAMP) ## start all on this machine, print the page's URL; ARGS="--port 9000" for another port
	@$(BIN)/python -m services.play $(ARGS)

test: $(STAMP) ## real Redis, real Ray Serve, real browser; ARGS="-m large" for the few that take minutes and GiB
	@.ci/browser
	echo "Running the tests."
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMP) ## format, lint and types
	@echo "Checking format, lint and types."
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP) ## time the engine on this machine, into build/bench.json
	@$(BIN)/python -m model.bench

eval: $(STAMP) ## measure the shipped worlds, into build/eval.json; ARGS=--quick for a rough answer
	@$(BIN)/python -m training evaluate $(ARGS)

loadtest: $(STAMP) ## USERS=4 SECONDS=30: headless players, into build/loadtest/
	@$(BIN)/python -m loadtest --users $(USERS) --seconds $(SECONDS)

drill: $(STAMP) ## players beside one hostile client, or a fault: ARGS="--drill replica-kill"; into build/drill.json
	@$(BIN)/python -m loadtest.drills $(ARGS)

chart: $(STAMP) ## lint, render, validate and test the Helm chart
	@echo "Linting and rendering $(CHART) with each of its example values."
	mkdir -p build/chart
	for values in $(CHART)/ci/*.yaml; do
		rendered=build/chart/$$(basename $$values)
		$(BIN)/helm lint --strict --quiet $(CHART) --values $$values
		$(BIN)/helm template nextframe $(CHART) --values $$values > $$rendered
		echo "  $$values -> $$rendered"
	done
	echo "Validating all of it against Kubernetes 1.30 to 1.37 (tests), custom resources by their fields."
	$(BIN)/python -m pytest tests/charts

docs: $(STAMP) ## build the documentation site from docs/ and docstrings, into build/docs/
	@$(BIN)/sphinx-build -j auto --quiet --fail-on-warning --keep-going docs build/docs
	echo "Ready: build/docs/index.html"

$(STAMP): pyproject.toml constraints.txt
	@.ci/preflight $(PYTHON) $(VENV_FREE_MB) $(TMP_FREE_MB)
	echo "Installing into .venv; about two minutes the first time."
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	export PIP_DISABLE_PIP_VERSION_CHECK=1
	echo "  1/2 torch"
	# First and by itself: pip then takes the build this machine is set up for, and keeps it.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch setuptools
	echo "  2/2 the rest"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--no-build-isolation --editable '.[dev]'
	touch $@
	echo "Installed."
