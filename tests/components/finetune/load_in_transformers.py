"""Loads checkpoints with transformers on torch and prints how far its logits are from those expected.

    python load_in_transformers.py FOLDER...

Each folder has a checkpoint in `hf/` and `expected.safetensors`: the model's inputs by their names, int64, and
`logits`. One line of JSON for each: the largest difference on tokens, and the tensors that were missing or unexpected.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file


def compare(folder: Path) -> dict[str, Any]:
    config = json.loads((folder / "hf" / "config.json").read_text())
    loader = getattr(transformers, config["architectures"][0])
    model, loaded = loader.from_pretrained(folder / "hf", output_loading_info=True)
    expected = load_file(folder / "expected.safetensors")
    logits = expected.pop("logits")
    with torch.no_grad():
        outputs = model.eval()(**expected)
    if config.get("textgate_pooling") == "mean":
        head = load_file(folder / "hf" / "model.safetensors")
        kept = expected["attention_mask"][..., None]
        mean = (outputs.last_hidden_state * kept).sum(1) / kept.sum(1)
        found = mean @ head["classifier.weight"].T + head["classifier.bias"]
    else:
        found = outputs.logits
    difference = (found - logits).abs()
    if logits.ndim == 3:
        difference = difference[expected["attention_mask"] == 1]
    return {
        "difference": float(difference.max()),
        "missing": sorted(loaded["missing_keys"]),
        "unexpected": sorted(loaded["unexpected_keys"]),
        "labels": [model.config.id2label[number] for number in range(logits.shape[-1])],
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(compare(Path(name))))
