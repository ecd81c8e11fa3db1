"""The int8 scales of a product: those that change its result least on real activations.

Activations are uint8 with one fixed scale and zero point, so that an answer does not depend on what else is in its
batch. Weights are int8 within ±63, with a scale for each output: pairs of products of such numbers fit into 16 bits,
which processors without VNNI add them up in, so that none of them answers otherwise than the rest.

A few channels of a transformer are far larger than the others. `factors` make them smaller before they are rounded and
the weights that they meet larger by as much (SmoothQuant, Xiao et al. 2023, arXiv:2211.10438).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from components.quantize.activations import Activation

WEIGHT_LIMIT = 63
LEVELS = 255
# How much of the difference between channels goes into the weights, and which part of the range is kept.
STRENGTHS = (0.5, 0.7, 0.85, 1.0)
PARTS = (1.0, 0.9, 0.8)
# Factors cost a multiplication; they are taken where they leave no more than this share of the error.
WORTH = 0.85


class Scale(NamedTuple):
    """Of one activation: value = `step` * (number - `zero`) * `factors`, these float32 [channels], powers of two, or
    None where all would be 1."""

    step: np.float32
    zero: np.uint8
    factors: np.ndarray | None


def fit_scale(activation: Activation, kernels: Sequence[np.ndarray]) -> Scale:
    """For the products of an activation and `kernels`, float32 [channels, outputs]: the scale of least mean squared
    error on the sample, of a few that are tried."""
    kernel = np.concatenate(kernels, axis=1)
    if not len(activation.sample):
        return Scale(np.float32(1), np.uint8(0), None)
    exact = activation.sample @ kernel

    def error(factors: np.ndarray, part: float) -> float:
        scale = _scale(activation, factors, part)
        rounded = _rounded(activation.sample / factors, scale)
        numbers, steps = quantize_kernel(kernel * factors[:, None])
        return float(np.square(rounded @ (numbers * steps) - exact).mean())

    plain = np.ones(len(kernel), np.float32)
    tried = {strength: _factors(activation, kernel, strength) for strength in STRENGTHS}
    errors = {strength: error(factors, 1.0) for strength, factors in tried.items()}
    best = min(errors, key=lambda strength: errors[strength])
    factors = tried[best] if errors[best] < WORTH * min(error(plain, part) for part in PARTS) else plain
    part = min(PARTS, key=lambda part: error(factors, part))
    found = _scale(activation, factors, part)
    return found if factors is not plain else found._replace(factors=None)


def quantize_kernel(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 [inputs, outputs] and the scale of each output, float32 [outputs]."""
    steps = _steps(np.abs(kernel).max(axis=0), WEIGHT_LIMIT)
    return np.rint(kernel / steps).astype(np.int8), steps


def quantize_table(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 [rows, columns] and the scale of each row, float32 [rows, 1]."""
    steps = _steps(np.abs(table).max(axis=1, keepdims=True), 127)
    return np.rint(table / steps).astype(np.int8), steps


def _steps(largest: np.ndarray, limit: int) -> np.ndarray:
    return np.where(largest > 0, largest / np.float32(limit), 1).astype(np.float32)


def _factors(activation: Activation, kernel: np.ndarray, strength: float) -> np.ndarray:
    """Powers of two, which multiply floats without rounding and do not follow their last digits."""
    reach, weights = np.maximum(-activation.low, activation.high), np.abs(kernel).max(axis=1)
    used = (reach > 0) & (weights > 0)
    exponents = strength * np.log2(reach, where=used, out=np.zeros_like(reach))
    exponents -= (1 - strength) * np.log2(weights, where=used, out=np.zeros_like(weights))
    exponents -= exponents[used].mean() if used.any() else 0
    return np.asarray(np.exp2(np.where(used, np.rint(np.clip(exponents, -16, 16)), 0)), np.float32)


def _scale(activation: Activation, factors: np.ndarray, part: float) -> Scale:
    low, high = float((activation.low / factors).min()) * part, float((activation.high / factors).max()) * part
    step = _short((high - low) / LEVELS) if high > low else 1.0
    return Scale(np.float32(step), np.uint8(np.clip(round(-low / step), 0, LEVELS)), factors)


def _short(value: float) -> float:
    """Rounded up to three digits: machines that differ in the last ones of a float take the same scale."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 2)
    return float(np.ceil(value / unit) * unit)


def _rounded(values: np.ndarray, scale: Scale) -> np.ndarray:
    numbers = np.clip(np.rint(values / scale.step) + scale.zero, 0, LEVELS)
    return np.asarray((numbers - np.float32(scale.zero)) * scale.step)
