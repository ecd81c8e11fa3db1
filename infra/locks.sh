#!/bin/sh
# Resolves requirements.lock, the lock of each image target, and nodeps.lock; run it as `make lock`.
set -eu
bin=$1
compile="$bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11"
image="$compile -c requirements.lock"
$compile pyproject.toml --group workstation --group dev -o requirements.lock
$image infra/image/build.in -o infra/image/build.lock
$image pyproject.toml -o infra/image/pipeline-cpu.lock
$image pyproject.toml infra/image/pipeline-gpu.in -o infra/image/pipeline-gpu.lock
$image infra/image/serving.in --excludes infra/image/serving.excludes -o infra/image/serving.lock
$compile --no-deps infra/nodeps.in -o nodeps.lock
$compile infra/image/mlflow.in -c requirements.lock -o infra/image/mlflow.lock
