# `make` runs the default study to results/report.html; `make test` runs all tests. Both set up .venv first, with all
# extras but `pam`, whose licence is the GPL.

PYTHON ?= python3.11
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
QUIETLY := --quiet --disable-pip-version-check
COMPILE := uv pip compile --universal --generate-hashes --quiet --no-header --no-emit-index-url
# byte code that is kept makes every job start in half the time
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study status test test-slurm lint format docs schema lock clean

study: .venv/ready
	snakemake --cores $(CORES)

# what is done, what remains and why, how long it takes
status: .venv/ready
	imprint status

# with the lines of the library that it runs, those aside that only jobs run
test: .venv/ready
	pytest --cov --cov-report term:skip-covered

# a small study on a SLURM of one node, which this starts: as root on Debian, else skipped
test-slurm: .venv/ready
	pytest -n0 -rs tests/slurm

lint: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	mypy
	lint-imports

# the documentation, to site/index.html; its notebook is run, on one core since other targets run beside it
docs: .venv/ready
	OMP_NUM_THREADS=1 NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

format: .venv/ready
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

schema: .venv/ready
	python -m imprint.study.schema > config.schema.json.new
	mv config.schema.json.new workflow/schemas/config.schema.json

# uv installs the locked packages in a fraction of pip's time; pip does it where uv cannot reach the registry
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
