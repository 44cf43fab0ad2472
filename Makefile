# One virtual environment for everything; each target makes it if it is missing.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: quickstart test lint types clean

quickstart: .venv/installed
	$(BIN)/python examples/quickstart.py

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
