"""Scales are fixed, leave room for 16-bit sums, and even out what is far larger than the rest."""

from __future__ import annotations

import numpy as np
import pytest

from components.quantize.activations import Activation
from components.quantize.scales import Scale, fit_scale, quantize_kernel, quantize_table


def activation(tokens: np.ndarray) -> Activation:
    found = Activation(tokens.shape[1], 10_000, 0)
    found.add(tokens.astype(np.float32))
    return found


def through(tokens: np.ndarray, kernel: np.ndarray, scale: Scale) -> np.ndarray:
    """What the engine computes of tokens by this scale."""
    factors = np.ones(len(kernel), np.float32) if scale.factors is None else scale.factors
    numbers = np.clip(np.rint(tokens / factors / scale.step) + scale.zero, 0, 255).astype(np.int64) - int(scale.zero)
    weights, steps = quantize_kernel(kernel * factors[:, None])
    return (numbers @ weights.astype(np.int64)) * scale.step * steps


@pytest.fixture
def even() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(0, 1, (300, 32)).astype(np.float32), rng.normal(0, 0.1, (32, 8)).astype(np.float32)


def test_products_differ_little(even: tuple[np.ndarray, np.ndarray]) -> None:
    tokens, kernel = even
    scale = fit_scale(activation(tokens), [kernel[:, :3], kernel[:, 3:]])
    exact = tokens @ kernel
    assert np.abs(through(tokens, kernel, scale) - exact).max() < 0.05 * np.abs(exact).max()


def test_a_channel_that_is_far_larger_does_not_drown_the_others(even: tuple[np.ndarray, np.ndarray]) -> None:
    tokens, kernel = even
    assert fit_scale(activation(tokens), [kernel]).factors is None, "equal channels need no multiplication"
    tokens[:, 5] = tokens[:, 5] * 2 + 60
    scale, exact = fit_scale(activation(tokens), [kernel]), tokens @ kernel
    plain = scale._replace(factors=None, step=np.float32((tokens.max() - tokens.min()) / 255))
    plain = plain._replace(zero=np.uint8(round(-tokens.min() / plain.step)))
    assert scale.factors is not None and scale.factors[5] >= 4 * np.median(scale.factors)
    evened, coarse = (np.square(through(tokens, kernel, one) - exact).mean() for one in (scale, plain))
    assert evened < coarse / 4


def test_factors_are_powers_of_two_so_that_nothing_is_rounded_by_them(even: tuple[np.ndarray, np.ndarray]) -> None:
    tokens, kernel = even
    tokens[:, :4] *= 37
    tokens[:, 7] = 0
    factors = fit_scale(activation(tokens), [kernel]).factors
    assert factors is not None and factors[7] == 1
    np.testing.assert_array_equal(np.log2(factors), np.rint(np.log2(factors)))


def test_the_last_digits_of_activations_do_not_move_a_scale(even: tuple[np.ndarray, np.ndarray]) -> None:
    """They differ between processors."""
    tokens, kernel = even
    tokens[:, 3] *= 30
    one, other = (fit_scale(activation(tokens * noise), [kernel]) for noise in (1, np.float32(1 + 1e-6)))
    assert (one.step, one.zero) == (other.step, other.zero)
    np.testing.assert_array_equal(one.factors, other.factors)


def test_outliers_beyond_the_kept_part_are_cut_off_where_that_pays() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.normal(0, 1, (2000, 16))
    kernel = rng.normal(0, 0.1, (16, 4)).astype(np.float32)
    whole = float(fit_scale(activation(tokens), [kernel]).step)
    tokens[0] *= 2
    assert float(fit_scale(activation(tokens), [kernel]).step) < whole * 1.9


@pytest.mark.parametrize("tokens", [np.zeros((5, 4)), np.zeros((0, 4))], ids=["zeros", "none"])
def test_a_tensor_that_is_always_0_has_a_scale(tokens: np.ndarray) -> None:
    one = Activation(4, 10, 0)
    if len(tokens):
        one.add(tokens.astype(np.float32))
    scale = fit_scale(one, [np.ones((4, 2), np.float32)])
    assert scale.step > 0 and scale.zero == 0 and scale.factors is None


def test_pairs_of_products_fit_into_16_bits() -> None:
    """What processors without VNNI add them up in, and cut off where it overflows."""
    kernel = np.random.default_rng(0).normal(0, 1, (64, 16)).astype(np.float32)
    kernel[:, 3] = 0
    numbers, steps = quantize_kernel(kernel)
    assert 2 * 255 * int(np.abs(numbers.astype(int)).max()) < 2**15
    assert numbers.dtype == np.int8 and np.abs(numbers).max(axis=0).tolist() == [63] * 3 + [0] + [63] * 12
    assert np.abs(numbers * steps - kernel).max() <= steps.max() / 2 * 1.001


def test_each_row_of_a_table_has_a_scale_of_its_own() -> None:
    table = np.random.default_rng(0).normal(0, 1, (6, 8)).astype(np.float32) * np.array(
        [[1e-3], [1], [100], [0], [1], [1]]
    )
    numbers, steps = quantize_table(table)
    assert steps.shape == (6, 1)
    assert (np.abs(numbers * steps - table).max(axis=1) <= np.abs(table).max(axis=1) / 254 * 1.001).all()


def test_a_sample_is_drawn_evenly_and_extremes_are_of_all() -> None:
    found = Activation(1, 50, 0)
    for start in range(0, 1000, 100):
        found.add(np.arange(start, start + 100, dtype=np.float32)[:, None])
    assert found.sample.shape == (50, 1) and (found.low, found.high) == (0, 999)
    assert len(np.unique(found.sample // 100)) == 10
    assert 350 < found.sample.mean() < 650
