# Everything a developer and the CI need. Runs on Debian and macOS; needs Python 3.11 or newer, no Docker.

VENV   := .venv
PYTHON := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo
UV     := $(shell uv --version >/dev/null 2>&1 && echo uv)# `make setup UV=` uses pip
WORKERS ?= 2
PYTHON_VERSION ?= >=3.11

.DEFAULT_GOAL := help
.PHONY: help setup hooks constraints stubs demo test check fix lint types docs coverage commits workflows dist release \
	model simulate mutants services chaos elections bench bench-bus bench-scale clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## the environment in .venv, with the pinned versions of constraints.txt

$(STAMP): constraints.txt pyproject.toml
	@UV=$(UV) PYTHON_VERSION="$(PYTHON_VERSION)" .ci/install $(VENV) constraints.txt "what development needs"
	@touch $@

# Only what the demo needs, into the same environment: `make setup` adds the rest later.
$(DEMO_STAMP): constraints-demo.txt pyproject.toml
	@UV=$(UV) PYTHON_VERSION="$(PYTHON_VERSION)" .ci/install $(VENV) constraints-demo.txt "what the demo needs"
	@touch $@

constraints: ## compile constraints.txt again, after a dependency in pyproject.toml has changed
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--all-extras --no-emit-package saga-coordination pyproject.toml -o constraints.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--extra demo -c constraints.txt --no-emit-package saga-coordination pyproject.toml -o constraints-demo.txt

stubs: setup ## the stubs of etcd again, from its protos; needs uv and go
	@$(PYTHON) -m tests.services.etcd_stubs

# An environment that was set up before has all of it, and another bus needs more than the demo does.
demo: $(if $(BUS)$(wildcard $(STAMP)),$(STAMP),$(DEMO_STAMP)) ## the order saga, live; SABOTAGE=1 must fail its audit, BUS=kafka or kinesis takes another bus
	@$(PYTHON) -m examples.order.demo $(if $(SABOTAGE),--sabotage) $(if $(BUS),--bus $(BUS))

test: setup ## every test, on real servers; ONLY="tests/postgres -k lease" chooses
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile $(ONLY)

services: setup ## real servers for the tests, until Ctrl-C; ONLY="kafka postgres" chooses
	@$(PYTHON) -m tests.services $(ONLY)

check: setup ## style, types, layers and the fast tests, before every commit
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PYTHON) -m pytest -q -m "not slow" tests/core tests/habits tests/test_layout.py

fix: setup ## let ruff mend and format what it can
	@$(PYTHON) -m ruff check --fix
	@$(PYTHON) -m ruff format

hooks: setup ## run the checks of .pre-commit-config.yaml at every commit of this clone
	@$(VENV)/bin/pre-commit install

lint: setup ## the hooks of pre-commit over every file: typos, line ends, large files
	@$(VENV)/bin/pre-commit run --all-files --show-diff-on-failure

types: setup ## the public types: all of them known (pyright --verifytypes), and as promised (tests/typing)
	@$(PYTHON) -m pytest -q tests/typing

docs: setup ## the documentation as a site in build/site; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

coverage: setup ## branch coverage of the core and the runtime; fails below the floor in pyproject.toml
	@$(PYTHON) -m coverage erase
	@$(PYTHON) -m coverage run -m pytest -q -n $(WORKERS) --hypothesis-profile=coverage -m "not slow" tests/core tests/runtime
	@$(PYTHON) -m coverage combine --quiet
	@$(PYTHON) -m coverage report

BASE ?= origin/main
commits: setup ## the messages of the commits since BASE=origin/main
	@$(PYTHON) -m tools.commit_message --since $(BASE)

ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
workflows: ## the workflows of .github, with actionlint; needs go
	@go run $(ACTIONLINT)

dist: setup ## the wheel and the source distribution, in dist
	@rm -rf dist
	@$(PYTHON) -m hatchling build

release: setup ## prepare a release: version, changelog, frozen record; VERSION=0.2.0
	@$(PYTHON) -m tools.release --prepare $(VERSION) --date "$$(date +%F)"

model: setup ## every interleaving of every configuration of the protocol; some twenty minutes
	@$(PYTHON) -m tests.protocol "$(ONLY)"

SEEDS ?= 2000
simulate: setup ## seeded worlds of the production code with faults; SEEDS=500 or SEEDS=17-17
	@$(PYTHON) -m tests.simulation --seeds $(SEEDS) --workers $(WORKERS)

chaos: setup ## kills, freezes, outages and broken networks for MINUTES=10, and an audit; BUS=postgres SEED=1 ONLY=disk
	@$(PYTHON) -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(BUS),--bus $(BUS)) \
		$(if $(ELECTION),--election $(ELECTION)) $(if $(RATE),--rate $(RATE)) $(if $(ONLY),--only "$(ONLY)")

elections: setup ## kills, suspends and cuts off leaders, and counts how long nobody leads; ELECTION=etcd NODES=3 ROUNDS=20
	@$(PYTHON) -m tests.election --election $(or $(ELECTION),postgres) --nodes $(or $(NODES),1) --rounds $(or $(ROUNDS),20)

mutants: setup ## takes out each guard, and finds seeds of the simulation that notice; writes docs/reference/guards.md
	@$(PYTHON) -m tests.mutants $(if $(ONLY),--only $(ONLY))

bench: setup ## steps per second and what they cost, compared with others
	@$(PYTHON) -m bench

bench-bus: setup ## the same over an outside bus; BUS=kafka or kinesis
	@$(PYTHON) -m bench --bus $(or $(BUS),kafka)

bench-scale: setup ## a million waiting sagas, and an outage with 100,000 in flight: some ten minutes; ONLY=waiting or outage
	@$(PYTHON) -m bench.scale $(if $(ONLY),--only $(ONLY))

clean: ## remove what can be made again, the environment included
	@rm -rf $(VENV) build dist .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find saga adapters tests examples bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
