"""What all tests share: telemetry off, and fixtures that start real servers."""

from __future__ import annotations

import os

for name, value in {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}.items():
    os.environ.setdefault(name, value)

pytest_plugins = ["tests.seaweed", "tests.tiny_project"]
