PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow bench lint clean

# Forget one digit of a small GAN, embedded data; leaves runs/digits-class/.
demo: .venv/installed
	$(BIN)/ignite-unlearn run digits-class --retrain

test: .venv/installed
	$(BIN)/python -m pytest

# The recipe itself, on seeds 0, 1 and 2: about ten minutes.
test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow -s

# What the handler costs, as ratios within one run.
bench: .venv/installed
	$(BIN)/python -m pytest -m bench -s tests/benchmarks

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv runs .pytest_cache .mypy_cache .ruff_cache
