# Every target installs what it needs into .venv; Python 3.11 or newer, pip and make are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# One thread a process: trials run side by side, and two trials with one thread each finish
# sooner than one trial with two.
export OMP_NUM_THREADS ?= 1
# Processes that test side by side. What starts Ray, which takes all cores, comes afterwards.
WORKERS ?= 2

.PHONY: install demo docs results check lint test fast clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): about 6 GB and some minutes, most of it PyTorch"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: install  ## A small search on generated clips, end to end: front, pick, report, bundle, fine-tune.
	$(BIN)/automtl demo --folder studies/demo

# Kinds of data that the answer's questions are asked on, by default all whose frames are there:
# `make results DATA="shapes paste"`. ImageNet weights come from TORCH_HOME, or are downloaded.
DATA ?=
WEIGHTS := $(wildcard ../shared/torch_home)

results: install  ## docs/results.md from the recipes: hours, said first; end it at will, it goes on. QUICK=1: minutes.
	$(if $(WEIGHTS),TORCH_HOME=$${TORCH_HOME:-$(WEIGHTS)}) $(BIN)/python -m benchmarks.results $(if $(DATA),--data $(DATA)) $(if $(QUICK),--quick)

docs: install  ## The pages of docs/ as a site that needs no network: build/site/index.html.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint fast  ## Format, lint, types, import contracts, fast tests.

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast: install
	$(BIN)/pytest -q -n $(WORKERS) -m "not slow and not ray and not gpu"

test: install  ## All tests, those on the real frames where they exist.
	@# Both halves run even if the first one fails: one run shows every failure.
	$(BIN)/pytest -q -n $(WORKERS) -m "not ray and not gpu"; failed=$$?; \
	$(BIN)/pytest -q -m "ray and not gpu" && exit $$failed

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
