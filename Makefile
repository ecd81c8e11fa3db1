# textgate: `make demo` and `make test` need only python3 (3.11 to 3.13), make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint golden lock stack stack-stop clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/ready  ## prepare .venv from the locks (about 4 GB; quick when nothing changed)

$(VENV)/ready: requirements.lock nodeps.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "textgate needs Python 3.11 to 3.13; name one with PYTHON=..." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "no virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing the locked packages into $(VENV); the first time takes some minutes"
	@sed -nE '/^(packaging|setuptools|setuptools-scm|vcs-versioning|wheel)==/,/[^\\]$$/p' requirements.lock > $(VENV)/build.lock
	@$(BIN)/python -m pip install -q --require-hashes --no-deps -r $(VENV)/build.lock
	@$(BIN)/python -m pip install -q --require-hashes --no-deps --no-build-isolation -r requirements.lock
	@$(BIN)/python -m pip install -q --require-hashes --no-deps -r nodeps.lock
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## data, pipeline, server, three questions; FULL=1 takes all data, SEED=n a seed
	@$(BIN)/textgate data import
	@$(BIN)/textgate demo $(if $(FULL),--full) $(if $(SEED),--seed $(SEED))

test: setup  ## run the tests; PYTEST="-k gate" narrows them
	@$(BIN)/python -m pytest $(PYTEST)

bench: setup  ## timings, each beside its baseline: NAME=data; ROW=x for one part; DATA=folder of public data sets
	@$(BIN)/python -m benchmarks $(NAME) $(ROW)

lint: setup  ## ruff, mypy, and the rules for compiled pipelines
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --no-cache --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pipelines.lint

golden: setup  ## compile tests/pipelines/golden/ again, when the pipelines changed on purpose
	@$(BIN)/python -m tests.pipelines.golden_files

lock: setup  ## resolve the locks again, keeping what still fits
	@sh infra/locks.sh $(BIN)

stack: setup  ## MLflow on PostgreSQL with SeaweedFS on this machine; STACK=folder, MLFLOW_PORT=5000, S3_PORT, POSTGRES_PORT
	@$(BIN)/python -m infra.local start $(if $(STACK),--folder "$$STACK") $(if $(MLFLOW_PORT),--mlflow-port "$$MLFLOW_PORT") \
		$(if $(S3_PORT),--s3-port "$$S3_PORT") $(if $(POSTGRES_PORT),--postgres-port "$$POSTGRES_PORT")

stack-stop: setup  ## end it; what it keeps stays
	@$(BIN)/python -m infra.local stop $(if $(STACK),--folder "$$STACK")

clean:  ## remove the environment and the caches of tools (never data or .textgate)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
