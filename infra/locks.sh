#!/bin/sh
# Resolves requirements.lock, the lock of each image target, and nodeps.lock; run it as `make lock`.
set -eu
bin=$1
compile="$bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11"
$compile pyproject.toml --group workstation --group dev -o requirements.lock
$compile pyproject.toml -c requirements.lock -o infra/image/pipeline-cpu.lock
$compile --no-deps infra/nodeps.in -o nodeps.lock
$compile infra/image/mlflow.in -c requirements.lock -o infra/image/mlflow.lock
