"""The same checkpoint in the engines that a bundle is compared with, each made in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.peer_environment import TORCH
from benchmarks.quantize.prepared import Prepared
from components.base.files import new_folder, read_json

SAVED_MODEL, PLAIN, FUSED = "TensorFlow SavedModel", "torch float", "torch int8, fused"
SAVING = """
import json, sys
from pathlib import Path
from components.finetune.classifier import build_classifier
from components.finetune.head import keep_head
checkpoint, target = Path(sys.argv[1]), sys.argv[2]
labels = json.loads(sys.argv[3])
model = build_classifier(checkpoint, len(labels), 0.0)
if keep_head(model, checkpoint, labels) != labels:
    sys.exit(f"{checkpoint} does not score these labels")
model.export(target, verbose=False)
"""


class TorchModels(NamedTuple):
    """`plain` is torch's float export, `int8` that one fused by ONNX Runtime's BERT optimizer, and quantized."""

    plain: Path
    int8: Path


def saved_model(prepared: Prepared) -> Path:
    """A TensorFlow SavedModel, float32, of any batch and length. Raises CalledProcessError."""
    target = prepared.folder / "tensorflow"
    if not target.exists():
        with new_folder(target) as folder:
            arguments = [str(prepared.checkpoint / "hf"), str(folder), json.dumps(prepared.settings.data.labels)]
            environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
            subprocess.run([sys.executable, "-c", SAVING, *arguments], check=True, env=environment)
    return target


def torch_models(prepared: Prepared) -> TorchModels:
    """Raises NoPeer."""
    target, source = prepared.folder / "torch", prepared.checkpoint / "hf"
    if not target.exists():
        config = read_json(source / "config.json")
        sizes = [str(config[name]) for name in ("num_attention_heads", "hidden_size")]
        with new_folder(target) as folder:
            TORCH.run(Path(__file__).with_name("torch_export.py"), str(source), *sizes, str(folder))
    return TorchModels(target / "plain.onnx", target / "int8.onnx")
