# `make` lists the targets. The first one that is asked for sets everything up, from uv.lock.

PYTHON ?= python3
LAB ?= 01
BIN := .venv/bin

# The lab's full name, so that its number is enough.
MASTER = $(basename $(notdir $(wildcard autograder/course/masters/$(LAB)*.py)))

# uv from PATH, else our own: see below.
UV := $(or $(shell command -v uv),$(CURDIR)/.uv/bin/uv)
export UV

# Two processes side by side: many tests start two of their own.
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help lab grade doctor check test build mutate soak bench pictures format clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 9

lab: .venv/synced  ## open the labs in JupyterLab
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) labs

grade: .venv/synced  ## grade a class: LAB=01 SUBMISSIONS=folder or zip (without: a sample class)
	$(BIN)/python -m autograder.grade --lab '$(or $(MASTER),$(LAB))' \
		$(if $(SUBMISSIONS),--submissions '$(SUBMISSIONS)') $(OPTIONS)

# Also without an environment, or with a broken one.
doctor:  ## say whether this machine can run the labs, and what to do
	@$(or $(wildcard $(BIN)/python),$(PYTHON)) labkit/doctor.py

check: .venv/synced  ## before a commit: style, types, notebooks fresh, units, one class graded
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/mypy
	$(BIN)/python -m autograder.labs.build --check
	$(PYTEST) -m 'not labs and not grader and not pythons'

test: .venv/synced  ## everything; parts by TESTS='-m grader', TESTS=tests/labkit/test_checks.py
	$(if $(TESTS),,$(MAKE) check)
	$(PYTEST) $(or $(TESTS),-m 'labs or grader or pythons')

build: .venv/synced requirements-colab.txt  ## rebuild labs/ and solutions/ from autograder/course/masters/
	$(BIN)/python -m autograder.labs.build

mutate: .venv/synced  ## change right answers in one place: no check may pass them; TESTS_LIKE=clip ANSWERS=all
	LABKIT_MUTANTS=$(or $(ANSWERS),solutions) $(BIN)/python -m pytest -q tests/labs/test_mutants.py \
		-k 'no_mutant $(if $(TESTS_LIKE),and ($(TESTS_LIKE)))'

soak: .venv/synced  ## grade all answers on other inputs: ROUNDS=10 TESTS_LIKE=clip
	@set -e; for round in $$(seq $(or $(ROUNDS),10)); do echo "== round $$round"; \
		LABKIT_SOAK=$$round $(BIN)/python -m pytest -q tests/labs/test_answers.py \
		-k 'loses_exactly $(if $(TESTS_LIKE),and ($(TESTS_LIKE)))'; done

bench: .venv/synced  ## measure against the peers (minutes)
	@set -e; for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark; done

pictures: .venv/synced  ## draw README.md's pictures anew; needs Chromium
	$(BIN)/python .github/pictures/draw.py

format: .venv/synced  ## tidy the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove what tests and builds left, and the environment; grades stay
	rm -rf .venv .uv build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# A stamp, and not `uv sync` every time: tf-shell's wheel says that it is for another platform than
# its file name does, so that each sync installs it anew.
.venv/synced: pyproject.toml uv.lock | $(UV)
	@[ "$$(uname -sm)" = 'Linux x86_64' ] || { echo "The labs need Linux on x86-64, and this is" \
		"$$(uname -sm): use Colab (README.md has the links) or the dev container." >&2; exit 1; }
	$(UV) sync --locked
	@touch $@

# Moved into place whole: an interrupted or a second make finds either nothing or a working uv.
$(CURDIR)/.uv/bin/uv:
	$(PYTHON) -m pip install --quiet --target .uv/$$$$ 'uv>=0.8' && \
		mkdir -p .uv/bin && mv .uv/$$$$/bin/uv $@ && rm -rf .uv/$$$$

requirements-colab.txt: uv.lock autograder/labs/colab-pins.txt autograder/labs/colab.py | .venv/synced
	$(BIN)/python -m autograder.labs.colab
