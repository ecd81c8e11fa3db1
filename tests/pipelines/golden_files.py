"""`python -m tests.pipelines.golden_files` compiles tests/pipelines/golden/ again; the test compares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.base.settings import Settings, load
from pipelines.compile import compile_pipeline
from pipelines.promotion.compiling import compile_promotion

FOLDER = Path(__file__).parent / "golden"
CONFIG = Path(__file__).parents[2] / "configs" / "brand-sentiment.yaml"
IMAGE = f"registry.example/textgate/pipeline-cpu@sha256:{'0123456789abcdef' * 4}"
GPU_IMAGE = f"registry.example/textgate/pipeline-gpu@sha256:{'fedcba9876543210' * 4}"
MANUAL: dict[str, Any] = {"promote": {"mode": "manual"}, "deploy": {"mode": "manual"}}
# Something of each key that a pod can have.
EVERYTHING: dict[str, Any] = {
    "training": {"checkpoint": {"place": "/checkpoints/brand-sentiment", "retries": 5}},
    "notify": {"kind": "slack", "secret": "webhook"},
    "cluster": {
        "gpu_image": GPU_IMAGE,
        "namespace": "team",
        "run_as_user": 10001,
        "pipeline_root": "s3://artifacts/textgate",
        "timeout_s": 86_400,
        "image_pull_secrets": ["registry"],
        "image_pull_policy": "IfNotPresent",
        "env": {"MLFLOW_TRACKING_URI": "http://mlflow.mlops:5000", "AWS_ENDPOINT_URL": "http://seaweedfs:8333"},
        "secrets": [
            {"name": "object-store", "env": {"AWS_SECRET_ACCESS_KEY": "secret", "AWS_ACCESS_KEY_ID": "id"}},
            {"name": "hub-token", "path": "/var/run/secrets/hub", "optional": True},
        ],
        "config_maps": [
            {"name": "proxy", "env": {"HTTPS_PROXY": "https"}},
            {"name": "ca-bundle", "path": "/etc/ssl/company"},
        ],
        "pvcs": [{"claim": "checkpoints", "path": "/checkpoints", "sub_path": "textgate", "steps": ["finetune"]}],
        "resources": {
            "default": {
                "retries": 1,
                "node_selector": {"pool": "batch"},
                "tolerations": [{"key": "batch", "operator": "Exists", "effect": "NoSchedule"}],
            },
            "steps": {
                "fetch": {"cpu": "1.5", "memory": "1.5Gi", "timeout_s": 1800, "retries": 4, "backoff_s": 30},
                "finetune": {
                    "gpus": 2,
                    "memory_limit": "64Gi",
                    "shared_memory": "8Gi",
                    "spot": True,
                    "timeout_s": 14_400,
                    "backoff_s": 60,
                    "backoff_factor": 3,
                    "affinity": [
                        {"label": "gpu.model", "values": ["a100", "h100"]},
                        {"label": "legacy", "operator": "DoesNotExist"},
                        {"label": "zone", "values": ["a"], "weight": 50},
                    ],
                },
                "deploy": {"retries": 2},
            },
            "spot": {
                "node_selector": {"capacity": "spot"},
                "tolerations": [{"key": "spot", "value": "yes", "effect": "NoExecute", "seconds": 30}],
            },
        },
    },
}


def settings_with(changes: dict[str, Any]) -> Settings:
    """The default config's, on a cluster, with these changes."""
    return Settings.model_validate(_merged(load(CONFIG).model_dump(), _merged({"cluster": {"image": IMAGE}}, changes)))


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    joined = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        joined[key] = _merged(below[key], value) if both else value
    return joined


def _pipeline(changes: dict[str, Any], **options: Any) -> Callable[[Path], None]:
    return lambda path: compile_pipeline(settings_with(changes), path, **options)


FILES: dict[str, Callable[[Path], None]] = {
    "finetune-auto": _pipeline({}),
    "finetune-manual": _pipeline(MANUAL),
    "finetune-shards": _pipeline({"tokenization": {"shards": 3}}, to="tokenize"),
    "finetune-everything": _pipeline(EVERYTHING),
    "promotion": lambda path: compile_promotion(settings_with({}), path),
    "promotion-manifests": lambda path: compile_promotion(settings_with(EVERYTHING), path, manifests=True),
}


def main() -> None:
    for name, write in FILES.items():
        write(FOLDER / f"{name}.yaml")
        print(FOLDER / f"{name}.yaml")


if __name__ == "__main__":
    main()
