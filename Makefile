# One virtual environment for everything; each target makes it if it is missing.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: quickstart test oldest fuzz docs lint types citation package clean

quickstart: .venv/installed
	$(BIN)/python examples/quickstart.py

# ARGS are pytest's.
test: .venv/installed
	$(BIN)/python -m pytest $(ARGS)

# A subset on the oldest versions that pyproject.toml allows. TORCH=torch==2.6.0 takes
# the oldest torch too, which is a download of 3 GB where there is no CPU build of it.
TORCH ?= $(shell grep ^torch constraints.txt)
oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest -W ignore tests/data tests/read_out tests/wide \
		tests/network tests/training tests/estimators/test_forms.py \
		tests/estimators/test_htcinfomax.py tests/explain/test_network_terms.py \
		tests/export/test_classifiers.py tests/inspection/test_displays.py \
		tests/test_persistence.py tests/test_pretrained.py

.venv-oldest/installed: pyproject.toml constraints-oldest.txt constraints.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --constraint constraints-oldest.txt \
		"$(TORCH)" --editable \
		".[distributed,files,gradients,onnx,plots,transformer]" \
		networkx onnxruntime pandas peft pytest pytest-timeout pytest-xdist
	touch $@

# New random cases each time, 5,000 of sound input and 5,000 with a fault: many minutes.
fuzz: .venv/installed
	FUZZ_EXAMPLES=5000 $(BIN)/python -m pytest --timeout 0 tests/fuzz

# Runs the examples, too. A warning is an error.
docs: .venv/docs-installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

.venv/docs-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

# Apart, as it asks for old versions of packages that others need.
citation: .venv-citation/installed
	.venv-citation/bin/cffconvert --validate

.venv-citation/installed: Makefile
	$(PYTHON) -m venv .venv-citation
	.venv-citation/bin/python -m pip install --quiet cffconvert==2.0.0
	touch $@

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

# Wheel and sdist, each installed by itself, and tried with examples of its docstrings.
SMOKE = "import doctest, sys; from sklearn_htc.estimators import _htcinfomax, _linear; \
	sys.exit(sum(doctest.testmod(each).failed for each in (_htcinfomax, _linear)))"
package: .venv/installed
	rm -rf dist .venv-package
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv .venv-package
	.venv-package/bin/python -m pip install --quiet --constraint constraints.txt dist/*.whl
	cd dist && ../.venv-package/bin/python -c $(SMOKE)
	.venv-package/bin/python -m pip install --quiet --no-deps --force-reinstall \
		dist/*.tar.gz
	cd dist && ../.venv-package/bin/python -c $(SMOKE)

clean:
	rm -rf .venv .venv-citation .venv-oldest .venv-package build dist *.egg-info docs/_build docs/generated docs/gallery
