# Two commands: `make study` runs the main job, `make test` the tests. Each sets up what it needs.
# `make help` lists the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
OUT    ?= runs/study
DATA   ?= digits-dvs
TABLE  ?= runs/frontier.json
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

# The CPU build of torch: PyPI's Linux build brings gigabytes of CUDA along.
# With a CUDA machine: make TORCH="torch==2.13.0" study
TORCH_VERSION := 2.13.0
TORCH ?= torch==$(TORCH_VERSION)+cpu
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: help study test lint types slow docs bench-train bench-search bench-frames table results clean clean-kernels

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

study: $(VENV)/.ready ## train, compress, measure, price and report: the default study, then the report's path
	$(BIN)/leanspike study --out $(OUT)

test: $(VENV)/.ready-dev ## the tests that take seconds each
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" -n 2 --dist loadfile

slow: $(VENV)/.ready-dev ## the tests that take minutes
	$(BIN)/pytest -m slow

lint: $(VENV)/.ready-dev ## style, formatting and the one-way rule between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.ready-dev ## mypy on the package
	$(BIN)/mypy

docs: $(VENV)/.ready-dev ## the documentation as a site under site/
	$(BIN)/mkdocs build --strict

bench-train: $(VENV)/.ready-dev ## our training step beside each installed framework's
	$(BIN)/python benchmarks/train_step.py

bench-search: $(VENV)/.ready-dev ## the mapping search beside Timeloop's
	$(BIN)/python benchmarks/search.py

bench-frames: $(VENV)/.ready-dev ## events to frames beside tonic's
	$(BIN)/python benchmarks/frames.py

table: $(VENV)/.ready-dev ## what every recipe of compression reaches (DATA=folder or name; hours, goes on where it stopped)
	$(BIN)/python benchmarks/frontier.py --data $(DATA) --out $(TABLE)

results: $(VENV)/.ready-dev ## after a change of the hardware model: its committed results and their pages anew (goes on where it stopped)
	$(BIN)/python benchmarks/results.py

clean: clean-kernels ## remove the environment (results under runs/ stay)
	rm -rf $(VENV) .bootstrap site

clean-kernels: ## forget compiled kernels, those of older versions too
	find src -name '*.nb[ic]' -delete

# Debian's python3 may lack ensurepip (package python3-venv): virtualenv then comes through pip.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || ( rm -rf $(VENV) \
	  && $(PYTHON) -m pip install --quiet --target .bootstrap virtualenv \
	  && PYTHONPATH=.bootstrap $(PYTHON) -m virtualenv --quiet $(VENV) )
	$(PIP) install --quiet --upgrade pip

$(VENV)/.torch: | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt "$(TORCH)" \
	  || $(PIP) install --quiet -c constraints.txt "$(TORCH)" --extra-index-url $(TORCH_CPU_INDEX)
	@touch $@

$(VENV)/.ready: pyproject.toml constraints.txt $(VENV)/.torch
	$(PIP) install --quiet -c constraints.txt -e ".[train,study,report]"
	@touch $@

# The other frameworks are installed without their own requirements: some ask for a torchvision or
# torchaudio that has no CPU build; what they import is in the dev extra.
$(VENV)/.ready-dev: $(VENV)/.ready peers.txt
	$(PIP) install --quiet -c constraints.txt -e ".[train,study,report,postgres,ray,interop,dev]"
	$(PIP) install --quiet --no-deps -r peers.txt
	@touch $@
