"""The binary tensor data extension of the Open Inference Protocol: raw tensors behind the JSON, as Triton's client
sends them. https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from serving.errors import RequestError

HEADER = "inference-header-content-length"
BINARY_SIZE = "binary_data_size"
LENGTH = struct.Struct("<I")
KINDS = {"FP32": np.dtype("<f4"), "BOOL": np.dtype(bool)}


def read_header_size(given: str | None, body: int) -> int | None:
    """The bytes of the JSON in a body of `body` bytes, None where all of it is. Raises RequestError."""
    if given is None:
        return None
    if not (given.isascii() and given.isdigit()) or len(given) > 12 or int(given) > body:
        raise RequestError(400, f"{HEADER} must be a number of bytes up to the body's {body}, got {given[:40]!r}")
    return int(given)


def read_binary(inputs: Any, raw: bytes) -> Any:
    """The inputs of a request, those with a binary_data_size with their data out of `raw`. Raises RequestError."""
    if not isinstance(inputs, list):
        return inputs
    read, place = [], 0
    for tensor in inputs:
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        size = parameters.get(BINARY_SIZE) if isinstance(parameters, dict) else None
        if size is None:
            read.append(tensor)
            continue
        if type(size) is not int or not 0 <= size <= len(raw) - place:
            raise RequestError(
                400, f"{BINARY_SIZE} must be a number of bytes up to the {len(raw) - place} that are left"
            )
        read.append({**tensor, "data": _strings(raw[place : place + size])})
        place += size
    if place != len(raw):
        raise RequestError(400, f"{len(raw) - place} bytes behind the JSON belong to no tensor")
    return read


def _strings(raw: bytes) -> list[str]:
    """Each is its length, four bytes with the least first, and its UTF-8."""
    found, place = [], 0
    while place < len(raw):
        end = place + LENGTH.size
        size = LENGTH.unpack_from(raw, place)[0] if end <= len(raw) else len(raw)
        if end + size > len(raw):
            raise RequestError(400, "a raw tensor ends within a text")
        try:
            found.append(raw[end : end + size].decode())
        except UnicodeDecodeError:
            raise RequestError(400, f"text {len(found)} of a raw tensor is not UTF-8") from None
        place = end + size
    return found


def write_binary(datatype: str, data: Any) -> bytes:
    """`data` as InferRequest's answers have it: texts, or an array."""
    if datatype == "BYTES":
        return b"".join(LENGTH.pack(len(text)) + text for text in (value.encode() for value in data))
    return np.asarray(data).astype(KINDS[datatype]).tobytes()
