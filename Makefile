# make demo   train, evaluate and draw a detector on real data (sets the environment up first)
# make demo HEAD=rtmdet-nano   the same with a cheaper and better head than YOLOv3's
# make demo-seg, demo-cls   the same for a segmentor and a classifier
# make test   run the test suite (the same)
# make setup  the environment alone;  make lint  ruff
# make audit  known vulnerabilities of the pinned versions, from an online database
# make setup-onedl, make test-onedl   the same with OneDL's packages, in .venv-onedl
# make test-matrix  the tests with the oldest and the newest versions (long)
# DEMO_OPTIONS= passes options to the demos (python -m demo --help lists them).
# PYTHON=python3.X chooses the interpreter of the environment, 3.10 to 3.12; it stays chosen.

CHOSEN := $(shell awk -F' = ' '/^home/ {home = $$2} \
	/^version =/ {split($$2, v, "."); print home "/python" v[1] "." v[2]}' .venv/pyvenv.cfg 2>/dev/null)
PYTHON ?= $(or $(wildcard $(CHOSEN)),python3)
RUN := .venv/bin/python

.PHONY: python setup setup-onedl demo demo-seg demo-cls test test-onedl test-matrix lint audit

python:
	@command -v $(PYTHON) >/dev/null || { echo "setup: there is no $(PYTHON): choose a Python with PYTHON="; exit 1; }

setup: python
	@$(PYTHON) tools/setup_env.py

setup-onedl: python
	@$(PYTHON) tools/setup_env.py --stack onedl

demo: setup
	@$(RUN) -m demo det $(if $(HEAD),--head $(HEAD)) $(DEMO_OPTIONS)

demo-seg demo-cls: demo-%: setup
	@$(RUN) -m demo $* $(DEMO_OPTIONS)

test: setup
	@$(RUN) -m pytest --numprocesses auto

test-onedl: setup-onedl
	@.venv-onedl/bin/python -m pytest --numprocesses auto

test-matrix: python
	@$(PYTHON) tools/test_matrix.py $(MATRIX_OPTIONS)

lint: setup
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@.venv/bin/lint-imports

audit:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install --quiet pip-audit
	@.venv-audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements/constraints.txt -r requirements/official/constraints.txt
