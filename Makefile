# `make` lists what can be asked for. Needs GNU make 4 and Python 3.11 or newer with its venv module; everything else is
# installed into .venv (Python, as constraints.txt pins it) and dashboard/static/vendor (browser, as package-lock.json does).

ifeq ($(filter 4.% 5.%,$(MAKE_VERSION)),)
$(error this is make $(MAKE_VERSION): expected GNU make 4 or newer)
endif

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ASSETS := dashboard/static/vendor/manifest.json
BENCHMARKS := $(filter-out _%,$(basename $(notdir $(wildcard benchmarks/*.py))))
DEBIAN := Debian and Ubuntu: apt-get install

# Only wheels: nothing is compiled here. The build tool is pinned like the rest, hence no isolation.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: -c constraints.txt
PYTEST := $(BIN)/python -m pytest
# One more than there are cores: half of the time tests wait, for a browser, a broker, a clock.
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n < 4 ? n + 1 : 4)))
# Node brings a list of authorities of its own: it is to trust those of this machine as well, such as a proxy's.
AUTHORITIES := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt))
ifneq ($(AUTHORITIES),)
export NODE_EXTRA_CA_CERTS ?= $(AUTHORITIES)
endif
FITS := import sys; sys.exit(sys.version_info < (3, 11))
OURS = if [ -e $(VENV) ] && [ ! -w $(VENV) ]; then \
  echo "$(VENV) belongs to $$(stat -c %U $(VENV)): expected one that $$(id -un) may write; remove it, or work in a" \
    "clone of your own" >&2; exit 1; fi

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-long screens check fix bench install programs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=/path/to/python3 names another interpreter than $(PYTHON)."

demo: $(VENV)/.runtime $(ASSETS) ## the demonstration city on this machine, at http://127.0.0.1:8050
	@$(BIN)/cityhelm city build
	$(BIN)/cityhelm demo

test: install programs ## everything that a change can break, in at most ten minutes
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "not long"

test-long: install programs ## soaks and faults that take their time, one after the other
	$(PYTEST) -m long

screens: install ## every page in every size, language and state, as pictures in build/screens
	$(BIN)/python -m tests.screens $(VIEWS)

check: $(VENV)/.test ## style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.test ## mends what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## measures one promise of docs/performance.md: make bench NAME=latency
	@[ -n "$(NAME)" ] || { echo "make bench needs a name: expected NAME= one of $(BENCHMARKS)" >&2; exit 2; }
	$(BIN)/cityhelm bench $(NAME)

install: $(VENV)/.test $(ASSETS)

# A stamp holds the place it was made for: scripts in .venv name it, so that a moved checkout needs a new one. A .venv
# without a stamp is somebody's own; it is kept while its Python will do.
ifneq ($(shell $(BIN)/python -c '$(FITS)' 2>/dev/null && cat $(VENV)/.place 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.place
endif
$(VENV)/.place:
	@[ "$$(uname -s)" = Linux ] || { \
	  echo "this is $$(uname -s): CityHelm runs on Linux; use a Linux machine or container" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is missing: expected Python 3.11 or newer ($(DEBIAN) python3 python3-venv), or name one:" \
	    "make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(FITS)' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>&1 | head -n 1): expected Python 3.11 or newer; install one and name it:" \
	    "make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module: expected it beside $$($(PYTHON) -V) ($(DEBIAN) python3-venv)" >&2; exit 1; }
	@$(OURS)
	@if [ -e $@ ] || ! $(BIN)/python -c '$(FITS)' 2>/dev/null; then clear=--clear; fi; \
	  $(PYTHON) -m venv $$clear $(VENV) || { \
	  echo "$(VENV) could not be made (see above): expected a disk with 2 GB free and a directory that $$(id -un) may" \
	    "write" >&2; exit 1; }
	@printf '%s\n' '$(CURDIR)' > $@

FETCHED_NOT := "pip could not install what constraints.txt pins (see above): expected a package index within reach (PIP_INDEX_URL" \
  "names another, PIP_CERT the certificates of a proxy), or" \
  "PIP_NO_INDEX=1 PIP_FIND_LINKS=/path/to/wheels with the wheels of all of it; docs/operations.md says how to fetch them" \
  "on another machine"

$(VENV)/.runtime: $(VENV)/.place pyproject.toml constraints.txt
	@$(OURS)
	@echo "Installing CityHelm and its libraries into $(VENV) …"
	@$(PIP) setuptools && $(PIP) --no-build-isolation -e . || { echo $(FETCHED_NOT) >&2; exit 1; }
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	@echo "Installing what the tests need …"
	@$(PIP) --no-build-isolation -e '.[test]' || { echo $(FETCHED_NOT) >&2; exit 1; }
	@touch $@

$(ASSETS): package.json package-lock.json dashboard/vendor.py | $(VENV)/.runtime
	@echo "Fetching the browser libraries and fonts …"
	@$(BIN)/python -m dashboard.vendor
	@touch $@

# Tests that need a program which is not there are skipped and say so, but never in CI.
programs:
	@missing() { \
	  echo "$$1 is missing, so that $$2 are skipped: install it to run them ($(DEBIAN) $$3)" >&2; [ -z "$$CI" ]; }; \
	  PATH=$$PATH:/usr/local/sbin:/usr/sbin; \
	  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	    missing Chromium "the browser tests" chromium || exit 1; \
	  command -v mosquitto >/dev/null || missing mosquitto "the tests that need an MQTT 5 broker" mosquitto
