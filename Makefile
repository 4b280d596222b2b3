# `make` runs the default study to results/report.html; `make test` runs all tests. Both set up .venv first, with all
# extras but `pam`, whose licence is the GPL.

PYTHON ?= python3.11
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
QUIETLY := --quiet --disable-pip-version-check
COMPILE := uv pip compile --universal --generate-hashes --quiet --no-header --no-emit-index-url
# keeping byte code halves the start of every job
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study status test coverage test-slurm lint format docs schema lock clean

study: .venv/ready
	snakemake --cores $(CORES)

# prints what is done, what remains and why, and how long it takes
status: .venv/ready
	imprint status

test: .venv/ready
	pytest

# the same tests, slower; fails below a minimum. Without the lines that only jobs run
coverage: .venv/ready
	pytest --cov --cov-report term:skip-covered

# runs a small study on a SLURM of one node, which it starts; needs root on Debian, skipped otherwise
test-slurm: .venv/ready
	pytest -n0 -rs tests/slurm

lint: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	mypy
	lint-imports

# builds the documentation to site/index.html; its notebook is run on one core, since other targets may run at the same time
docs: .venv/ready
	OMP_NUM_THREADS=1 NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

format: .venv/ready
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

schema: .venv/ready
	python -m imprint.study.schema > config.schema.json.new
	mv config.schema.json.new workflow/schemas/config.schema.json

# uv installs the locked packages in a fraction of pip's time; pip is used if uv cannot reach the registry
.venv/ready: requirements.lock requirements-setup.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(QUIETLY) --require-hashes -r requirements-setup.lock
	uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock \
		|| $(BIN)/python -m pip install $(QUIETLY) --require-hashes -r requirements.lock
	$(BIN)/python -m pip install $(QUIETLY) --no-deps --no-build-isolation --editable .
	touch $@

lock: .venv/ready
	$(COMPILE) pyproject.toml --extra study --extra weights --extra huggingface --extra heif --extra onnx --extra slurm --group dev --group docs -o requirements.lock
	echo uv | $(COMPILE) - -o requirements-setup.lock

clean:
	rm -rf .venv .snakemake site results/*
