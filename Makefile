# `make` runs the default study to results/report.html; `make test` runs all tests. Both set up .venv first.

PYTHON ?= python3.11
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
QUIETLY := --quiet --disable-pip-version-check
# byte code that is kept makes every job start in half the time
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study status test test-slurm lint format schema lock clean

study: .venv/ready
	snakemake --cores $(CORES)

# what is done, what is to do and why, how long it takes
status: .venv/ready
	imprint status

test: .venv/ready
	pytest

# the tiny study on a SLURM of one node, which this starts: as root on Debian, else skipped
test-slurm: .venv/ready
	pytest -n0 -rs tests/slurm

lint: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules

format: .venv/ready
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

schema: .venv/ready
	python -m imprint.config.schema > workflow/schemas/config.schema.json

# uv installs the locked packages in a fraction of pip's time; pip does it where uv knows no way to the registry
.venv/ready: requirements.lock requirements-setup.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(QUIETLY) --require-hashes -r requirements-setup.lock
	uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock \
		|| $(BIN)/python -m pip install $(QUIETLY) --require-hashes -r requirements.lock
	$(BIN)/python -m pip install $(QUIETLY) --no-deps --no-build-isolation --editable .
	touch $@

lock: .venv/ready
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --quiet --no-header -o requirements.lock
	echo uv | uv pip compile - --universal --generate-hashes --quiet --no-header -o requirements-setup.lock

clean:
	rm -rf .venv .snakemake results/*
