"""A checkpoint exported by torch, and the int8 that ONNX Runtime's own tools make of it; run by a python of its own.

Arguments: checkpoint, attention heads, hidden size, and the folder for plain.onnx and int8.onnx.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from transformers import AutoModelForSequenceClassification

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
FUSED = {"Attention", "SkipLayerNormalization", "BiasGelu"}


class Logits(torch.nn.Module):
    def __init__(self, checkpoint: str) -> None:
        super().__init__()
        # The fusion knows the products of eager attention alone.
        self.model = AutoModelForSequenceClassification.from_pretrained(checkpoint, attn_implementation="eager").eval()

    def forward(self, *values: Any) -> Any:
        return self.model(**dict(zip(INPUTS, values, strict=True))).logits


def main() -> None:
    checkpoint, heads, hidden, target = sys.argv[1:]
    plain, fused, int8 = (str(Path(target, f"{name}.onnx")) for name in ("plain", "fused", "int8"))
    ids = torch.ones(2, 16, dtype=torch.int64)
    torch.onnx.export(
        Logits(checkpoint),
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        plain,
        input_names=INPUTS,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in INPUTS} | {"logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    model = optimizer.optimize_model(plain, "bert", num_heads=int(heads), hidden_size=int(hidden), opt_level=0)
    counts = model.get_fused_operator_statistics()
    if missing := [name for name in sorted(FUSED) if not counts.get(name)]:
        sys.exit(f"the optimizer fused no {missing[0]}")
    model.save_model_to_file(fused)
    options = {"DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(fused, int8, per_channel=True, weight_type=QuantType.QInt8, extra_options=options)
    Path(fused).unlink()


main()
