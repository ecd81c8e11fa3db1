"""MLflow's tracking server."""

from __future__ import annotations

import sys

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def command(port: int, *options: str) -> list[str]:
    """It takes its database from MLFLOW_BACKEND_STORE_URI: a password in its arguments would be seen by all."""
    start = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    return [*start, "--workers", "1", *options]
