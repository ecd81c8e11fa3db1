"""The TF-IDF linear model that every training is compared with: logistic regression on the tokens alone.

Of texts: counts of tokens and of pairs of neighbours, 1 + ln(count), times the inverse document frequency, of length 1
(scikit-learn's TfidfTransformer). Of words' tags: which token it is, which stands before it, which after it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from components.base.encoding import UNTAGGED
from components.finetune.rows import Kind, Rows

MOST_FEATURES, LEAST_ROWS = 100_000, 2
INVERSE_PENALTY, ITERATIONS, TOLERANCE = 10.0, 50, 1e-3
AROUND = (0, -1, 1)


@dataclass(frozen=True)
class LinearModel:
    """Of texts: `grams`, int64 [features, 2], the tokens of each feature, the second -1 for a single token, singles
    first; `idf`, float32 [features]; `weights`, float32 [features, labels].

    Of tags: `weights`, float32 [3, vocabulary + 1, labels], for the token itself, the one before and the one after; the
    last of each is for what is no token. `bias`: float32 [labels].
    """

    kind: Kind
    weights: np.ndarray
    bias: np.ndarray
    grams: np.ndarray
    idf: np.ndarray

    def logits(self, rows: Rows) -> Any:
        """float32 [rows, labels], or one [tokens, labels] for each row."""
        if self.kind == "tags":
            return [self._of_tokens(tokens) for tokens in rows.tokens]
        codes = {(int(first), int(second)): place for place, (first, second) in enumerate(self.grams)}
        counted = _counts(rows, codes)
        features = _weighted(counted, self.idf)
        return np.asarray(features @ self.weights + self.bias, np.float32)

    def _of_tokens(self, tokens: np.ndarray) -> np.ndarray:
        found = np.repeat(self.bias[None], len(tokens), axis=0)
        for table, ids in zip(self.weights, _around(tokens, self.weights.shape[1] - 1), strict=True):
            found = found + table[ids]
        return np.asarray(found, np.float32)


def fit(rows: Rows, labels: int, vocabulary: int, seed: int) -> LinearModel:
    """`vocabulary` is the number of token ids."""
    return _fit_tags(rows, labels, vocabulary, seed) if rows.kind == "tags" else _fit_texts(rows, labels, seed)


def _fit_texts(rows: Rows, labels: int, seed: int) -> LinearModel:
    grams, counts = _all_counts(rows)
    held = np.asarray((counts > 0).sum(axis=0)).ravel()
    enough = held >= (LEAST_ROWS if len(rows) >= 100 * LEAST_ROWS else 1)
    chosen = np.flatnonzero(enough)
    chosen = np.sort(chosen[np.argsort(-held[chosen], kind="stable")[:MOST_FEATURES]])
    transform = TfidfTransformer(sublinear_tf=True)
    features = transform.fit_transform(counts[:, chosen].astype(np.float64))
    weights, bias = _regression(features, np.asarray(rows.targets), labels, seed)
    return LinearModel(rows.kind, weights, bias, grams[chosen], transform.idf_.astype(np.float32))


def _fit_tags(rows: Rows, labels: int, vocabulary: int, seed: int) -> LinearModel:
    words = [targets != UNTAGGED for targets in rows.targets]
    ids = [_around(tokens, vocabulary)[:, word] for tokens, word in zip(rows.tokens, words, strict=True)]
    together = np.concatenate(ids, axis=1)
    columns = together + (np.arange(len(AROUND)) * (vocabulary + 1))[:, None]
    starts = np.arange(0, columns.size + 1, len(AROUND))
    shape = (together.shape[1], len(AROUND) * (vocabulary + 1))
    features = sparse.csr_matrix((np.ones(columns.size), columns.T.ravel(), starts), shape)
    targets = np.concatenate([tags[word] for tags, word in zip(rows.targets, words, strict=True)])
    weights, bias = _regression(features, targets, labels, seed)
    return LinearModel(
        "tags", weights.reshape(len(AROUND), vocabulary + 1, labels), bias, np.zeros((0, 2), np.int64), np.zeros(0)
    )


def _regression(features: Any, targets: np.ndarray, labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights [features, labels] and bias [labels], float32; a label without a row is never the likeliest.

    A bounded number of passes is enough for a floor, whether the optimum is reached or not.
    """
    model = LogisticRegression(solver="sag", C=INVERSE_PENALTY, max_iter=ITERATIONS, tol=TOLERANCE, random_state=seed)
    weights, bias = np.zeros((features.shape[1], labels)), np.full(labels, -10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if targets.ndim == 2:
            for label, one in enumerate(OneVsRestClassifier(model).fit(features, targets.astype(np.int32)).estimators_):
                if hasattr(one, "coef_"):
                    weights[:, label], bias[label] = one.coef_[0], one.intercept_[0]
                elif targets[:, label].all():
                    bias[label] = 10.0
        elif len(known := np.unique(targets)) == 1:
            bias[known] = 0.0
        else:
            fitted = model.fit(features, targets)
            both = np.array([[-0.5], [0.5]]) if len(known) == 2 else 1.0
            weights[:, known] = (both * fitted.coef_).T
            bias[known] = (both * fitted.intercept_[:, None]).ravel()
    return weights.astype(np.float32), bias.astype(np.float32)


def _grams(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Each token and each pair of neighbours: int64 [n, 2], and the row of each, int64 [n]."""
    sizes = np.array([len(tokens) for tokens in rows.tokens])
    ids, owner = np.concatenate(rows.tokens).astype(np.int64), np.repeat(np.arange(len(rows)), sizes)
    together = owner[1:] == owner[:-1]
    singles = np.stack([ids, np.full_like(ids, -1)], axis=1)
    pairs = np.stack([ids[:-1], ids[1:]], axis=1)[together]
    return np.concatenate([singles, pairs]), np.concatenate([owner, owner[1:][together]])


def _all_counts(rows: Rows) -> tuple[np.ndarray, sparse.csr_matrix]:
    """All grams, singles first, and how often each row has them, [rows, grams]."""
    found, owner = _grams(rows)
    pairs = found[:, 1] >= 0
    order = np.stack([pairs, *found.T], axis=1)
    known, place = np.unique(order, axis=0, return_inverse=True)
    shape = (len(rows), len(known))
    return known[:, 1:], sparse.coo_matrix((np.ones(len(owner)), (owner, place.ravel())), shape).tocsr()


def _counts(rows: Rows, codes: dict[tuple[int, int], int]) -> sparse.csr_matrix:
    found, owner = _grams(rows)
    places = np.array([codes.get((first, second), -1) for first, second in found.tolist()])
    known = places >= 0
    shape = (len(rows), len(codes))
    return sparse.coo_matrix((np.ones(known.sum()), (owner[known], places[known])), shape).tocsr()


def _weighted(counts: sparse.csr_matrix, idf: np.ndarray) -> sparse.csr_matrix:
    features = counts.copy()
    features.data = 1 + np.log(features.data)
    features = features.multiply(idf[None]).tocsr()
    lengths = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).ravel())
    return sparse.diags(1 / np.maximum(lengths, 1e-12)) @ features


def _around(tokens: np.ndarray, nothing: int) -> np.ndarray:
    """int64 [3, tokens]: each token, the one before and the one after, `nothing` at the ends."""
    padded = np.concatenate([[nothing], tokens.astype(np.int64), [nothing]])
    return np.stack([padded[1 + step : len(padded) - 1 + step] for step in AROUND])
