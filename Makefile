PYTHON ?= python3
BIN := .venv/bin

TABLE = $(BIN)/ignite-unlearn table
PLUGINS := $(notdir $(wildcard plugins/ignite-unlearn-*))

.PHONY: demo test test-slow fuzz test-plugins bench bench-quick tables docs lint types clean

# Forget one digit of a small GAN, embedded data; leaves runs/digits-class/.
demo: .venv/installed
	$(BIN)/ignite-unlearn run digits-class --retrain

# A process for each core, of one thread: small tensors gain nothing from more.
test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

# The recipe itself, on seeds 0, 1 and 2: about ten minutes.
test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow -s

# 1,000 hostile inputs of each kind: files, images, arguments, calls. `make test` tries 40 of each, always the same.
fuzz: .venv/installed
	$(BIN)/python -m pytest -m fuzz --hypothesis-profile=fuzz tests/fuzz

# Each plug-in with its real toolkit, in an environment of its own that borrows torch from .venv.
test-plugins: $(PLUGINS:%=test-plugin-%)

test-plugin-%: .venv/plugins/%/installed
	.venv/plugins/$*/bin/python -m pytest plugins/$*/tests

# What the handler costs, as ratios within one run.
bench: .venv/installed
	$(BIN)/python -m pytest -m bench -s tests/benchmarks

# That every benchmark still runs: one small round of each, whatever time it takes.
bench-quick: .venv/installed
	$(BIN)/python -m pytest -m bench --quick tests/benchmarks

# The benchmarks of class unlearning in docs/benchmarks: hours for what has no row there yet. On a CPU without bfloat16
# instructions leave the precision out; the originals are trained by it, so rows of another one are measured anew.
tables: .venv/installed
	$(if $(and $(MNIST),$(FASHION_MNIST)),,$(error say where the IDX files are: make tables MNIST=... FASHION_MNIST=..., and CIFAR10=... if it is there))
	$(TABLE) mnist-class --set precision=bfloat16 --data-root $(MNIST) --page docs/benchmarks/mnist_class_untrained.md
	$(TABLE) mnist-class --set substitution=other_class --set start=nearest_embedding --set judge_every=2 \
		--set precision=bfloat16 --data-root $(MNIST) --page docs/benchmarks/mnist_class.md
	$(TABLE) fashion-mnist-class --set substitution=other_class --set start=nearest_embedding --set judge_every=2 \
		--set precision=bfloat16 --data-root $(FASHION_MNIST) \
		--page docs/benchmarks/fashion_mnist_class.md
	$(TABLE) mnist-class-unconditional --set precision=bfloat16 --data-root $(MNIST) \
		--page docs/benchmarks/mnist_class_unconditional.md
	$(if $(CIFAR10),$(TABLE) cifar10-class --set substitution=unconfused_class --set start=nearest_embedding \
		--set precision=bfloat16 --set iterations=4500 --set g_width=64 --set d_width=32 \
		--data-root $(CIFAR10) --title "cifar10-class: a reduced run on a CPU" --page docs/benchmarks/cifar10_class.md)

# Runs the tutorials: about ten minutes, less where nothing in them has changed. The result is docs/_build/html/index.html.
docs: .venv/docs
	PATH="$(CURDIR)/$(BIN):$$PATH" sphinx-build -W --keep-going -b html docs docs/_build/html

.venv/docs: pyproject.toml .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs]'
	touch $@

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The package, and the plug-ins against it; their toolkits need not be there.
types: .venv/installed
	$(BIN)/mypy

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# A toolkit whose own requirements nobody should have to install stands in toolkit.txt.
.venv/plugins/%/installed: plugins/%/pyproject.toml .venv/installed
	$(PYTHON) plugins/environment.py .venv/plugins/$* --borrow $(BIN)/python
	test ! -e plugins/$*/toolkit.txt || \
		.venv/plugins/$*/bin/python -m pip install -q --disable-pip-version-check --no-deps -r plugins/$*/toolkit.txt
	.venv/plugins/$*/bin/python -m pip install -q --disable-pip-version-check --editable 'plugins/$*[test]'
	touch $@

.PRECIOUS: .venv/plugins/%/installed

clean:
	rm -rf .venv runs docs/_build .pytest_cache .mypy_cache .ruff_cache
