# Everything that developers and the CI need. Runs on Debian and macOS; needs Python 3.11 or newer, and no Docker.

VENV   := .venv
PYTHON := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo
UV     := $(shell uv --version >/dev/null 2>&1 && echo uv)# `make setup UV=` uses pip
WORKERS ?= 2
PYTHON_VERSION ?= >=3.11

.DEFAULT_GOAL := help
.PHONY: help setup hooks constraints stubs demo test check fix lint types docs coverage commits workflows dist release \
	agreement fuzz-api model simulate hostile mutants services chaos audit elections bench bench-bus bench-scale bench-growth bench-api clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create the environment in .venv with the pinned versions of constraints.txt

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

stubs: setup ## generate the stubs of the gRPC API and of etcd from their protos; needs uv, and go for etcd
	@$(PYTHON) -m tools.stubs
	@$(PYTHON) -m tests.services.etcd_stubs

# An environment that was set up before has all of it, and another bus needs more than the demo does.
demo: $(if $(BUS)$(wildcard $(STAMP)),$(STAMP),$(DEMO_STAMP)) ## the order saga, live; SABOTAGE=1 must fail its audit, BUS=kafka, kinesis or nats takes another bus
	@$(PYTHON) -m examples.order.demo $(if $(SABOTAGE),--sabotage) $(if $(BUS),--bus $(BUS))

test: setup ## run every test on real servers; ONLY="tests/postgres -k lease" chooses
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile $(ONLY)

services: setup ## run real servers for the tests until Ctrl-C; ONLY="kafka postgres" chooses
	@$(PYTHON) -m tests.services $(ONLY)

check: setup ## check style, types and import rules, and run the fast tests; before every commit
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PYTHON) -m pytest -q -n $(WORKERS) -m "not slow" tests/core tests/habits tests/test_layout.py

fix: setup ## let ruff repair and format what it can
	@$(PYTHON) -m ruff check --fix
	@$(PYTHON) -m ruff format

hooks: setup ## install the checks of .pre-commit-config.yaml for every commit of this clone
	@$(VENV)/bin/pre-commit install

lint: setup ## run the checks of .pre-commit-config.yaml on every file: typos, line ends, large files
	@$(VENV)/bin/pre-commit run --all-files --show-diff-on-failure

types: setup ## check the public types: all known (pyright --verifytypes), and as tests/typing says
	@$(PYTHON) -m pytest -q tests/typing

docs: setup ## build the documentation as a site in build/site; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

coverage: setup ## measure the branch coverage of core and runtime; fails below the floor in pyproject.toml
	@$(PYTHON) -m coverage erase
	@$(PYTHON) -m coverage run -m pytest -q -n $(WORKERS) --hypothesis-profile=coverage -m "not slow" tests/core tests/runtime
	@$(PYTHON) -m coverage combine --quiet
	@$(PYTHON) -m coverage report

BASE ?= origin/main
commits: setup ## check the messages of the commits since BASE=origin/main
	@$(PYTHON) -m tools.commit_message --since $(BASE)

ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
workflows: ## check the workflows of .github with actionlint; needs go
	@go run $(ACTIONLINT)

dist: setup ## build the wheel and the source distribution in dist
	@rm -rf dist
	@$(PYTHON) -m hatchling build

release: setup ## prepare a release: version, changelog, frozen record; VERSION=0.2.0
	@$(PYTHON) -m tools.release --prepare $(VERSION) --date "$$(date +%F)"

model: setup ## explore every interleaving of every model of the protocol; about twenty minutes; ONLY="families" or GUARD=G60
	@$(PYTHON) -m tests.protocol $(if $(GUARD),--guard $(GUARD)) "$(ONLY)"

SEEDS ?= 2000
simulate: setup ## run seeded worlds of the production code with faults; SEEDS=500 or SEEDS=17-17
	@$(PYTHON) -m tests.simulation --seeds $(SEEDS) --workers $(WORKERS)

SAGAS ?= 1000
agreement: setup ## compare what the commands, REST, gRPC and the pages say about random sagas; SAGAS=1000
	@SAGA_TEST_SAGAS=$(SAGAS) $(PYTHON) -m pytest -q --timeout 7200 tests/api/safety/test_agreement.py

CASES ?= 10000
fuzz-api: setup ## send the API requests made from openapi.json, each case going on with what it has started; CASES=10000 SEED=1
	@$(PYTHON) -m tests.api.fuzz --cases $(CASES) $(if $(SEED),--seed $(SEED)) $(if $(STORE),--store $(STORE))

HANDLERS ?= 10000
hostile: setup ## run hostile handlers beside healthy sagas in seeded worlds; HANDLERS=10000
	@$(PYTHON) -m tests.simulation.hostile_runs --handlers $(HANDLERS) --workers $(WORKERS)

chaos: setup ## kill, freeze and disconnect processes for MINUTES=10, then audit; BUS=postgres SEED=1 ONLY=disk
	@$(PYTHON) -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(BUS),--bus $(BUS)) \
		$(if $(ELECTION),--election $(ELECTION)) $(if $(RATE),--rate $(RATE)) $(if $(ONLY),--only "$(ONLY)")

audit: ## look up the pinned dependencies among known vulnerabilities (needs the network)
	@$(or $(UV),uv) tool run pip-audit==2.10.1 -r constraints.txt --disable-pip --require-hashes --no-deps --strict

elections: setup ## kill, suspend and disconnect leaders, and measure the time without one; ELECTION=etcd NODES=3 ROUNDS=20
	@$(PYTHON) -m tests.election --election $(or $(ELECTION),postgres) --nodes $(or $(NODES),1) --rounds $(or $(ROUNDS),20)

mutants: setup ## remove each guard and find seeds of the simulation that notice; writes docs/reference/guards.md
	@$(PYTHON) -m tests.mutants $(if $(ONLY),--only $(ONLY))

bench: setup ## measure steps per second and their cost, compared with other libraries
	@$(PYTHON) -m bench

bench-bus: setup ## measure the same over an outside bus; BUS=kafka, kinesis or nats
	@$(PYTHON) -m bench --bus $(or $(BUS),kafka)

bench-scale: setup ## measure a million waiting sagas, a million parked waits, and an outage with 100,000 in flight; about ten minutes; ONLY=parked, waiting or outage
	@$(PYTHON) -m bench.scale $(if $(ONLY),--only $(ONLY))

bench-growth: setup ## measure what changes when something grows, an old build beside this one; OLD=94d39f2 ONLY="old unfinished sagas"
	@$(PYTHON) -m bench.growth $(if $(OLD),--old $(OLD)) $(if $(ONLY),--only "$(ONLY)")

bench-api: setup ## measure what looking costs: viewers, lists of 6,000,000 sagas, starts, pages; half an hour; SIZE=60000 ONLY=lists DATA=folder
	@$(PYTHON) -m bench.api $(if $(SIZE),--sagas $(SIZE)) $(if $(ONLY),--only "$(ONLY)") $(if $(DATA),--data "$(DATA)")

clean: ## remove everything that can be created again, including the environment
	@rm -rf $(VENV) build dist .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find saga adapters tests examples bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
