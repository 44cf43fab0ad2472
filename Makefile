# One virtual environment for everything; each target makes it if it is missing.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: quickstart test fuzz lint types clean

quickstart: .venv/installed
	$(BIN)/python examples/quickstart.py

test: .venv/installed
	$(BIN)/python -m pytest

# New random cases each time, 5,000 of sound input and 5,000 with a fault.
fuzz: .venv/installed
	FUZZ_EXAMPLES=5000 $(BIN)/python -m pytest tests/fuzz

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
