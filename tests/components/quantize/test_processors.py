"""What int8 answers is the same on a processor that lacks the instructions for it, here an emulated one."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic

from components.quantize.int8 import to_int8
from tests.components.finetune.reference_models import FOLDER, build
from tests.components.finetune.test_onnx import export
from tests.components.quantize.test_int8 import prepare

# AVX2, but neither AVX-512 nor VNNI.
EMULATED = ["qemu-x86_64", "-cpu", "Haswell"]
ANSWER = """
import sys
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
batch = dict(np.load(sys.argv[2]))
np.save(sys.argv[3], session.run(["logits"], batch)[0])
"""


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    ids = np.random.default_rng(0).integers(5, 100, (8, 11))
    np.savez(tmp_path / "batch.npz", input_ids=ids, attention_mask=np.ones_like(ids))
    return tmp_path / "batch.npz"


def answers(model: Path, batch: Path, before: list[str]) -> np.ndarray:
    target = model.with_name(f"{model.stem}-{len(before)}.npy")
    command = [*before, sys.executable, "-c", ANSWER, str(model), str(batch), str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=250)
    found: np.ndarray = np.load(target)
    return found


@pytest.mark.slow
def test_a_processor_without_vnni_answers_the_same(tmp_path: Path, batch: Path) -> None:
    """Weights of all eight bits, as ONNX Runtime quantizes by default, do not: sums of 16 bits overflow."""
    if platform.machine() != "x86_64" or not shutil.which(EMULATED[0]):
        pytest.skip("qemu-x86_64 is not installed (Debian: qemu-user), or this is no x86-64 machine")
    path = export(build(FOLDER / "bert", "first"), FOLDER / "bert", "first", tmp_path / "model.onnx")
    model, scales, _ = prepare(path)
    onnx.save(to_int8(model, scales), tmp_path / "int8.onnx")
    here, there = (answers(tmp_path / "int8.onnx", batch, before) for before in ([], EMULATED))
    np.testing.assert_allclose(there, here, atol=1e-4)
    eight = {"weight_type": QuantType.QInt8, "op_types_to_quantize": ["MatMul", "Gather"]}
    quantize_dynamic(path, tmp_path / "dynamic.onnx", per_channel=True, extra_options={"DefaultTensorType": 1}, **eight)
    exact = answers(path, batch, [])
    dynamic = answers(tmp_path / "dynamic.onnx", batch, EMULATED)
    assert np.abs(dynamic - exact).max() > 2 * np.abs(there - exact).max()
