"""Makes the tiny checkpoints in references/, with the hidden states that transformers computes from them.

Run it where torch and transformers are installed, which the project's own environment need not have:

    python tests/components/finetune/make_references.py

It needs no network and no other module of the project, and writes the same values each time. A folder for each family
has `config.json`, `model.safetensors` as `<Family>Model` saves it, and `reference.safetensors`:

- `input_ids`, `attention_mask`, `token_type_ids`: int64 [rows, length]; padded on the right with 1, to be replaced by
  the padding token of a variant;
- `<variant>.hidden`: float32 [rows, length, hidden], the last hidden states; what stands on padding has no meaning;
- `<variant>.pooled`: float32 [rows, hidden], where the family has a pooler;
- the metadata key `variants`: JSON, from the name of each variant to what it changes in config.json. The variant
  `pairs` alone was given `token_type_ids`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file

FOLDER = Path(__file__).parent / "references"
ROWS, LENGTH, VOCABULARY, PAD = 4, 12, 100, 1
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 24,
    "pad_token_id": PAD,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", {**COMMON, "type_vocab_size": 2}),
    "roberta": ("Roberta", {**COMMON, "type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "xlm-roberta": ("XLMRoberta", {**COMMON, "type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "distilbert": (
        "DistilBert",
        {
            "vocab_size": VOCABULARY,
            "dim": 32,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 64,
            "max_position_embeddings": 24,
            "pad_token_id": PAD,
        },
    ),
    "albert": (
        "Albert",
        {**COMMON, "embedding_size": 16, "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2},
    ),
}
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")


def variants_of(family: str) -> dict[str, dict[str, Any]]:
    key = "activation" if family == "distilbert" else "hidden_act"
    variants: dict[str, dict[str, Any]] = {name: {key: name} for name in ACTIVATIONS}
    if family != "distilbert":
        variants["epsilon"] = {"layer_norm_eps": 0.05}
    if family in ("bert", "albert"):
        variants["pairs"] = {}
    if family in ("roberta", "xlm-roberta"):
        variants["padding"] = {"pad_token_id": 3}
    return variants


def spread_weights(model: Any) -> None:
    """Weights as wide as trained ones: what the activations do must be seen in the hidden states."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            scale = 0.1 if name.endswith("bias") or "norm" in name.lower() else 0.3
            weight.copy_(torch.randn(weight.shape, generator=generator) * scale)
            if "norm" in name.lower() and name.endswith("weight"):
                weight.add_(1.0)


def make_inputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([[12], [7], [3], [10]])
    mask = (torch.arange(LENGTH) < lengths).long()
    ids = torch.randint(5, VOCABULARY, (ROWS, LENGTH), generator=generator)
    types = (torch.arange(LENGTH) >= lengths // 2).long() * mask
    return {"input_ids": torch.where(mask == 1, ids, PAD), "attention_mask": mask, "token_type_ids": types}


def make_reference(family: str, folder: Path) -> None:
    classes, sizes = FAMILIES[family]
    config_class = getattr(transformers, f"{classes}Config")
    model_class = getattr(transformers, f"{classes}Model")
    model = model_class(config_class(**sizes))
    spread_weights(model)
    model.save_pretrained(folder)
    inputs, variants = make_inputs(), variants_of(family)
    tensors = dict(inputs)
    for name, changes in variants.items():
        config = config_class(**{**sizes, **changes})
        variant = model_class(config).eval()
        variant.load_state_dict(model.state_dict())
        mask = inputs["attention_mask"]
        given = {"input_ids": inputs["input_ids"].where(mask == 1, config.pad_token_id), "attention_mask": mask}
        if name == "pairs":
            given["token_type_ids"] = inputs["token_type_ids"]
        with torch.no_grad():
            outputs = variant(**given)
        tensors[f"{name}.hidden"] = outputs.last_hidden_state.contiguous()
        if family in ("bert", "albert"):
            tensors[f"{name}.pooled"] = outputs.pooler_output.contiguous()
    save_file(tensors, folder / "reference.safetensors", metadata={"variants": json.dumps(variants)})
    for path in folder.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    for each in FAMILIES:
        make_reference(each, FOLDER / each)
        print(each, sum(path.stat().st_size for path in (FOLDER / each).iterdir()), "bytes")
