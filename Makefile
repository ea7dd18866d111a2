# `make` lists the targets. The first one that is asked for sets everything up, from uv.lock.

PYTHON ?= python3
BIN := .venv/bin

# uv from PATH, else our own: see below.
UV := $(or $(shell command -v uv),$(CURDIR)/.uv/bin/uv)
export UV

.DEFAULT_GOAL := help
.PHONY: help lab doctor clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# .jupyter takes off what nbgrader shows to instructors, whose folders have it: see README.md.
lab: .venv/synced  ## open the labs in JupyterLab
	JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter $(BIN)/jupyter lab \
		$(if $(filter 0,$(shell id -u)),--allow-root) --LabApp.default_url=/lab/tree/README.md labs

# Also without an environment, or with a broken one.
doctor:  ## say whether this machine can run the labs, and what to do
	@$(or $(wildcard $(BIN)/python),$(PYTHON)) labkit/doctor.py

# What instructors and contributors do; the students' tree (`make release`) is without it.
-include autograder/targets.mk

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
