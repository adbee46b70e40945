# make demo   train, evaluate and draw a detector on real data (sets the environment up first)
# make demo-seg, demo-cls   the same for a segmentor and a classifier
# make test   run the test suite (the same)
# make setup  the environment alone;  make lint  ruff
# make audit  known vulnerabilities of the pinned versions, from an online database
# DEMO_OPTIONS= passes options to the demos (tools/demo.py --help lists them).
# PYTHON=python3.X chooses the interpreter of the environment, 3.10 to 3.12.

PYTHON ?= python3
RUN := .venv/bin/python

.PHONY: setup demo demo-seg demo-cls test lint audit

setup:
	@command -v $(PYTHON) >/dev/null || { echo "setup: there is no $(PYTHON): choose a Python with PYTHON="; exit 1; }
	@$(PYTHON) tools/setup_env.py

demo: setup
	@$(RUN) tools/demo.py det $(DEMO_OPTIONS)

demo-seg demo-cls: demo-%: setup
	@$(RUN) tools/demo.py $* $(DEMO_OPTIONS)

test: setup
	@$(RUN) -m pytest --numprocesses auto

lint: setup
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .

audit:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install --quiet pip-audit
	@.venv-audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements/constraints.txt
