"""The precisions a served model can have: the names of quantize's candidates and of a bundle's `precision`."""

from __future__ import annotations

from typing import Literal, get_args

Precision = Literal["float32", "int8", "mixed", "float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
