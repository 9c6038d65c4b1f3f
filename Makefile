# Needs Python 3.11, gcc and make; everything else is installed into .venv from requirements.lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
OUT ?= demo
UV_VERSION := 0.13.8

.PHONY: install demo test soak check format lock clean

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "muze needs Python 3.11: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

# make demo MUSIC=folder OUT=folder; without MUSIC it renders songs whose truth is known.
demo: install
	$(BIN)/muze demo $(if $(MUSIC),--music "$(MUSIC)") --out "$(OUT)"

test: install
	$(BIN)/python -m pytest -m "not soak" $(PYTEST_ARGS)

soak: install
	$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Versions and hashes, no addresses: the index is whatever the installing machine is set up with.
lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--all-extras pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
