"""How far the training data is from that of the champion: effect sizes, and whether chance explains them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack
from scipy.stats import chi2_contingency, kstwobign, norm, rankdata
from sklearn.linear_model import LogisticRegression

from components.base.settings import DriftSettings, Rule
from components.base.text import Hashes
from components.validate.labels import OUTSIDE
from components.validate.ngrams import Integers, mix
from components.validate.profile import FORMAT, GRAM_PLACES, unpacked, vocabulary

LABELS_NAMED = 3
FEWEST_ROWS = 20


class Drift(NamedTuple):
    """`broken`: the effect is above the limit and beyond chance; `effect` is None where it cannot be measured. The
    p-value is corrected for the number of tests (Holm 1979)."""

    rule: Rule
    effect: float | None
    limit: float
    p_value: float | None
    broken: bool
    why: str


class _Found(NamedTuple):
    effect: float | None
    p_value: float | None
    why: str


class _Share(NamedTuple):
    """`such` of `every` thing; `spread` is profile.spread_of."""

    such: int
    every: int
    spread: float

    @property
    def value(self) -> float:
        return self.such / self.every


def compare(reference: dict[str, Any], current: dict[str, Any], limits: DriftSettings) -> list[Drift]:
    """Both are profiles of build_profile. What the two do not both have, such as another format, is not measured, and
    `why` says so."""
    tests: list[tuple[Rule, float, Callable[[dict[str, Any], dict[str, Any]], _Found]]] = [
        ("label_drift", limits.label_shift, _labels),
        ("length_drift", limits.length_shift, _lengths),
        ("vocabulary_drift", limits.new_words, _words),
        ("unknown_drift", limits.unknown_tokens, _unknown),
        ("text_drift", limits.text_auc, _texts),
    ]
    refusal = _refusal(reference, current)
    found = [_Found(None, None, refusal) if refusal else test(reference, current) for _, _, test in tests]
    corrected = _holm([result.p_value for result in found])
    drifts = []
    for (rule, limit, _), result, p_value in zip(tests, found, corrected, strict=True):
        above = result.effect is not None and result.effect > limit
        broken = above and p_value is not None and p_value < limits.significance
        drifts.append(Drift(rule, result.effect, limit, p_value, broken, _sentence(result, limit, p_value)))
    return drifts


def _refusal(reference: dict[str, Any], current: dict[str, Any]) -> str:
    if reference.get("format") != FORMAT:
        return (
            f"not compared: the champion's profile has format {reference.get('format')}, and {FORMAT} is read;"
            " the next champion's will have it"
        )
    if reference["task"] != current.get("task"):
        return f"not compared: the champion's data is of the task {reference['task']}, not {current.get('task')}"
    if not reference["rows"] or not current["rows"]:
        return "not compared: one of the two has no rows"
    return ""


def _labels(reference: dict[str, Any], current: dict[str, Any]) -> _Found:
    """Total variation distance of the shares (of tags without O, which most tokens have), and the chi-square test of
    homogeneity."""
    left_out = {OUTSIDE} if current["task"] == "token-tags" else set()
    every = sorted({*reference["labels"], *current["labels"]} - left_out)
    counts = np.array([[profile["labels"].get(name, 0) for name in every] for profile in (reference, current)], float)
    names, counts = np.array(every)[counts.any(axis=0)], counts[:, counts.any(axis=0)]
    if not counts.sum(axis=1).all():
        return _Found(None, None, "one of the two has no labels")
    shares = counts / counts.sum(axis=1, keepdims=True)
    moved = shares[1] - shares[0]
    most = np.argsort(-np.abs(moved), kind="stable")[:LABELS_NAMED]
    told = ", ".join(f"{names[place]} {shares[0, place]:.3g} to {shares[1, place]:.3g}" for place in most)
    p_value = float(chi2_contingency(counts).pvalue) if counts.shape[1] > 1 else 1.0
    return _Found(float(np.abs(moved).sum() / 2), p_value, f"the shares of labels moved ({told})")


def _lengths(reference: dict[str, Any], current: dict[str, Any]) -> _Found:
    """Kolmogorov-Smirnov distance on the histogram's bounds, p by its limiting distribution."""
    counts = [np.array(profile["lengths"], float) for profile in (reference, current)]
    rows = [count.sum() for count in counts]
    distance = float(np.abs(counts[0].cumsum() / rows[0] - counts[1].cumsum() / rows[1]).max())
    p_value = float(kstwobign.sf(distance * np.sqrt(rows[0] * rows[1] / (rows[0] + rows[1]))))
    return _Found(distance, p_value, "the lengths of the texts are distributed otherwise")


def _words(reference: dict[str, Any], current: dict[str, Any]) -> _Found:
    """Share of the words that the reference does not know; p of its being no higher than what one half of the
    reference's own rows does not know of the other half."""
    words, known, own = unpacked(current["sampled_words"], "u4"), vocabulary(reference), reference["own_new_words"]
    if not len(words) or not own["words"] or known.all():
        return _Found(None, None, "one of the two has no words, or one has every word")
    missing = int((~known[words]).sum())
    # A new word falls on a known one's place as often as places are taken.
    share = min(missing / len(words) / (1 - float(known.mean())), 1.0)
    theirs = _Share(own["new"], own["words"], own["spread"])
    why = f"words that the champion's data does not know (half of it lacks {theirs.value:.3g} of the other half's)"
    return _Found(share, _above(_Share(missing, len(words), own["spread"]), theirs), why)


def _unknown(reference: dict[str, Any], current: dict[str, Any]) -> _Found:
    theirs, ours = reference["tokens"], current["tokens"]
    if not theirs or not ours or not theirs["tokens"] or not ours["tokens"]:
        return _Found(None, None, "the share of unknown tokens was not measured for both")
    if theirs["tokenizer"] != ours["tokenizer"]:
        return _Found(None, None, "the champion has another tokenizer, whose unknown tokens are others")
    before, now = (_Share(tokens["unknown"], tokens["tokens"], tokens["spread"]) for tokens in (theirs, ours))
    why = f"the tokenizer does not know {now.value:.3g} of the tokens, against {before.value:.3g}"
    return _Found(max(now.value - before.value, 0.0), _above(now, before), why)


def _texts(reference: dict[str, Any], current: dict[str, Any]) -> _Found:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv:1610.06545): trained on half of both samples to tell
    one from the other by their n-grams, its area under the ROC curve on the rest; p by the normal approximation of
    the Mann-Whitney statistic. Rows of the same text are in the same half."""
    samples = [_matrix(profile["grams"]) for profile in (reference, current)]
    if min(sample.shape[0] for sample in samples) < FEWEST_ROWS:
        return _Found(None, None, f"one of the two has fewer than {FEWEST_ROWS} rows")
    training = np.concatenate([_first_half(sample) for sample in samples])
    side = np.repeat([0, 1], [sample.shape[0] for sample in samples])
    if min(len(np.unique(side[half])) for half in (training, ~training)) < 2:
        return _Found(None, None, "one of the two has too few different texts")
    features = vstack(samples, "csr")
    model = LogisticRegression(C=0.1, max_iter=200, class_weight="balanced")
    model.fit(features[training], side[training])
    area, p_value = _area(model.decision_function(features[~training]), side[~training])
    return _Found(area, p_value, "a classifier tells these texts from those of the champion's data by their n-grams")


def _matrix(grams: dict[str, str]) -> csr_matrix:
    ends = np.append(0, unpacked(grams["sizes"], "u1").cumsum())
    places = unpacked(grams["places"], "u2")
    return csr_matrix((np.ones(len(places), np.float32), places, ends), shape=(len(ends) - 1, GRAM_PLACES))


def _first_half(sample: csr_matrix) -> npt.NDArray[np.bool_]:
    digests: Hashes = sample.astype(np.uint64) @ mix(np.arange(GRAM_PLACES, dtype=np.uint64))
    half: npt.NDArray[np.bool_] = mix(digests) >> np.uint64(63) == 0
    return half


def _area(scores: npt.NDArray[np.float64], side: Integers) -> tuple[float, float]:
    ours, theirs = int(side.sum()), int((1 - side).sum())
    statistic = rankdata(scores)[side == 1].sum() - ours * (ours + 1) / 2
    spread = np.sqrt(ours * theirs * (ours + theirs + 1) / 12)
    return float(statistic / (ours * theirs)), float(norm.sf((statistic - ours * theirs / 2) / spread))


def _above(ours: _Share, theirs: _Share) -> float:
    """p of a share being no higher than the other, by the pooled test of two proportions, each with its spread."""
    pooled = (ours.such + theirs.such) / (ours.every + theirs.every)
    variance = pooled * (1 - pooled) * (ours.spread / ours.every + theirs.spread / theirs.every)
    if not variance:
        return 1.0
    return float(norm.sf((ours.value - theirs.value) / np.sqrt(variance)))


def _holm(p_values: list[float | None]) -> list[float | None]:
    """Holm's step-down correction of those that are there."""
    known = sorted((value, place) for place, value in enumerate(p_values) if value is not None)
    corrected: list[float | None] = list(p_values)
    highest = 0.0
    for rank, (value, place) in enumerate(known):
        highest = max(highest, min(1.0, value * (len(known) - rank)))
        corrected[place] = highest
    return corrected


def _sentence(found: _Found, limit: float, p_value: float | None) -> str:
    if found.effect is None:
        return found.why
    return f"{found.why}: {found.effect:.3g} (limit {limit:g}, p = {p_value:.2g})"
