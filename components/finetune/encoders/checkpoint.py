"""The tensors of an encoder in a Hugging Face checkpoint, all of them there, of the right shapes, and finite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from components.base.errors import TextgateError
from components.finetune.encoders.architecture import encoder_prefix
from components.finetune.encoders.families import Family

FILE = "model.safetensors"
FLOATS = ("F16", "BF16", "F32", "F64")
BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
NAMED = 4


def read_encoder(base_model: Path, family: Family, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """float32 tensors by their names without prefix, exactly those of `shapes`; a missing pooler is left out.

    Heads of other tasks are passed over. Raises TextgateError for a file that is no safetensors, and naming tensors
    that are missing, not the encoder's, of another shape, not of floating point, or not finite.
    """
    with _opened(base_model, family) as file:
        names = _own_names(file.keys(), family, shapes)
        wanted = _without_absent_pooler(shapes, names, family)
        _refuse("has no", [name for name in wanted if name not in names])
        _refuse("has beyond its config", [full for name, full in names.items() if name not in wanted])
        _check_form(file, names, wanted)
        tensors = {name: np.asarray(file.get_tensor(names[name]), dtype=np.float32) for name in wanted}
    broken = [names[name] for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    _refuse("has NaN or infinity in", broken)
    return tensors


def read_tensors(base_model: Path, family: Family, names: Iterable[str]) -> list[np.ndarray]:
    """float32 tensors of an encoder that was read before, by their names without prefix."""
    with _opened(base_model, family) as file:
        prefix = encoder_prefix(file.keys(), family)
        return [np.asarray(file.get_tensor(prefix + name), dtype=np.float32) for name in names]


@contextmanager
def _opened(base_model: Path, family: Family) -> Iterator[Any]:
    try:
        with safe_open(base_model / FILE, framework="np") as file:
            yield file
    except TextgateError:
        raise
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        raise TextgateError(f"the base model's weights cannot be read as {family.model_type}: {said}") from error


def _own_names(full: Iterable[str], family: Family, shapes: Mapping[str, Any]) -> dict[str, str]:
    """The encoder's tensors: name without prefix, in today's spelling, to name in the file."""
    full = sorted(full)
    prefix = encoder_prefix(full, family)
    roots = {name.partition(".")[0] for name in shapes} | {"pooler"}
    names = {}
    for name in full:
        short = name.removeprefix(prefix)
        if not name.startswith(prefix) or (not prefix and short.partition(".")[0] not in roots):
            continue
        if short in BUFFERS or (family.pooler is None and short.startswith("pooler.")):
            continue
        for old, new in OLD_NAMES.items():
            short = short.replace(old, new)
        names[short] = name
    return names


def _without_absent_pooler(
    shapes: Mapping[str, tuple[int, ...]], names: Mapping[str, str], family: Family
) -> Mapping[str, tuple[int, ...]]:
    pooler = [name for name in shapes if family.pooler and name.startswith(f"{family.pooler}.")]
    if any(name in names for name in pooler):
        return shapes
    return {name: shape for name, shape in shapes.items() if name not in pooler}


def _check_form(file: Any, names: Mapping[str, str], wanted: Mapping[str, tuple[int, ...]]) -> None:
    misshapen, numeric = [], []
    for name, shape in wanted.items():
        stored = file.get_slice(names[name])
        if tuple(stored.get_shape()) != shape:
            misshapen.append(f"{names[name]} {list(stored.get_shape())}, expected {list(shape)}")
        if stored.get_dtype() not in FLOATS:
            numeric.append(f"{names[name]} ({stored.get_dtype()})")
    _refuse("has other shapes than its config says:", misshapen)
    _refuse("has tensors that are not floating point:", numeric)


def _refuse(problem: str, what: Sequence[str]) -> None:
    if what:
        more = f" and {len(what) - NAMED} more" if len(what) > NAMED else ""
        raise TextgateError(
            f"the base model's {FILE} {problem} {', '.join(what[:NAMED])}{more};"
            " take a checkpoint whose weights and config.json belong together"
        )
