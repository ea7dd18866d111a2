# The Makefile's targets for instructors and contributors, which it includes.

LAB ?= 01

# A variable's value as one word for the shell, whatever is in it.
quoted = '$(subst ','\'',$(value $1))'

# What is given and read by nothing is misspelt.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
UNREAD := $(if $(GIVEN),$(filter-out SHELL MAKEFLAGS MAKEOVERRIDES $(shell \
	grep -ohwE '[A-Z][A-Z_]+' $(MAKEFILE_LIST)),$(GIVEN)))
$(if $(UNREAD),$(error $(firstword $(UNREAD))= is read by nothing here: `make grade` takes LAB=, \
	SUBMISSIONS= and OPTIONS=))

# Two processes side by side: many tests start two of their own.
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

.PHONY: grade similar release gradescope new-lab check test build mutate soak bench pictures format

grade: .venv/synced  ## grade a class: LAB=01 SUBMISSIONS=folder or zip (without: a sample class)
	$(BIN)/python -m autograder.grade --lab $(call quoted,LAB) \
		$(if $(value SUBMISSIONS),--submissions $(call quoted,SUBMISSIONS)) $(OPTIONS)

similar: .venv/synced  ## say which answers of a graded class are alike: LAB=01
	$(BIN)/python -m autograder.similarity --lab $(call quoted,LAB) $(OPTIONS)

release: .venv/synced  ## write the students' own tree, without answers: OPTIONS='--to folder'
	$(BIN)/python -m autograder.publish.release $(OPTIONS)

gradescope: .venv/synced  ## make Gradescope's autograder for a lab: LAB=02
	$(BIN)/python -m autograder.publish.gradescope --lab $(call quoted,LAB) $(OPTIONS)

new-lab: .venv/synced  ## begin a lab from the template: NAME=06_private_means
	$(BIN)/python -m autograder.labs.new '$(NAME)'

check: .venv/synced  ## before a commit: style, types, notebooks fresh, units, two submissions graded
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml autograder/publish/classroom.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/mypy
	$(BIN)/python -m autograder.labs.build --check
	$(PYTEST) -m 'not labs and not grader and not pythons'

test: .venv/synced  ## everything; parts by TESTS='-m grader', TESTS=tests/labkit/test_checks.py
	$(if $(TESTS),,$(MAKE) check)
	$(PYTEST) $(or $(TESTS),-m 'labs or grader or pythons')

build: .venv/synced requirements-colab.txt  ## rebuild labs/ and solutions/ from autograder/course/masters/
	$(BIN)/python -m autograder.labs.build

mutate: .venv/synced  ## change right answers in one place; no check may pass them: TESTS_LIKE=clip ANSWERS=all
	LABKIT_MUTANTS=$(or $(ANSWERS),solutions) $(BIN)/python -m pytest -q tests/labs/test_mutants.py \
		-k 'no_mutant $(if $(TESTS_LIKE),and ($(TESTS_LIKE)))'

soak: .venv/synced  ## grade all answers on 200 other inputs a check, 20 of slow ones: TESTS_LIKE=clip
	$(BIN)/python -m tests.labs.soak $(call quoted,TESTS_LIKE)

bench: .venv/synced  ## measure against the peers: an hour, and 10 GB for their environments
	@set -e; for peer in benchmarks/peers/*/pyproject.toml; do \
		$(UV) sync --quiet --locked --compile-bytecode --project $$(dirname $$peer); done
	@set -e; for benchmark in $(or $(BENCHMARKS),private_step private_epochs split_step \
		secure_aggregation encrypted_labels class_grading large_class series); do \
		echo "== $$benchmark"; $(BIN)/python -m benchmarks.$$benchmark; done
	$(BIN)/python -m benchmarks.report

pictures: .venv/synced  ## draw README.md's pictures anew; needs Chromium
	$(BIN)/python .github/pictures/draw.py

format: .venv/synced  ## tidy the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

requirements-colab.txt: uv.lock autograder/labs/colab-pins.txt autograder/labs/colab.py | .venv/synced
	$(BIN)/python -m autograder.labs.colab
