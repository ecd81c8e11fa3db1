"""Probabilities of training rows by linear models that were trained without them.

Logistic regression on TF-IDF of words and pairs of neighbouring words. Copies of a text lie in one fold, so that none
vouches for another.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from components.base.counts import Floats
from components.base.progress import Progress
from components.base.targets import Targets
from components.base.text import normalise
from components.base.truncation import Integers

MOST_FEATURES, LEAST_ROWS, MOST_CHARACTERS = 20_000, 2, 1000
INVERSE_PENALTY, ITERATIONS = 3.0, 50
FOLDS_AT_ONCE = 2
# Thai, Lao, Burmese, Khmer, Japanese and Chinese put no space between words: there, each character counts as one.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
WORD = rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]"


def out_of_sample(targets: Targets, folds: int, seed: int) -> Floats:
    """Float64 [rows, labels] of rows with one label or several; NaN where no model can say.

    That is the row whose label no row of the other folds has, and of several labels each that all rows of the other
    folds have, or none.
    """
    columns = _normalised(targets)
    fold = folds_of(columns, _strata(targets.truth), folds, seed)
    features = _features(columns)
    found = np.full((len(targets), len(targets.labels)), np.nan)
    used = np.unique(fold)
    progress = Progress("looking for label errors", len(used), "folds")
    fit = partial(_several if targets.truth.ndim == 2 else _one, features, targets.truth, len(targets.labels), seed)
    with warnings.catch_warnings(), ThreadPoolExecutor(FOLDS_AT_ONCE) as pool:
        warnings.simplefilter("ignore", ConvergenceWarning)
        for number, probabilities in zip(used, pool.map(fit, (fold == number for number in used)), strict=True):
            found[fold == number] = probabilities
            progress.advance(1)
    return found


def folds_of(columns: list[list[str]], strata: Integers, folds: int, seed: int) -> Integers:
    """The fold of each row: copies (alike in all `columns`) in one, each stratum's texts spread as evenly as can be."""
    numbers: dict[tuple[str, ...], int] = {}
    group = np.array([numbers.setdefault(texts, len(numbers)) for texts in zip(*columns, strict=True)], np.int64)
    _, heads = np.unique(group, return_index=True)
    order = np.random.default_rng(seed).permutation(len(heads))
    order = order[np.argsort(strata[heads][order], kind="stable")]
    fold = np.empty(len(heads), np.int64)
    fold[order] = np.arange(len(heads)) % folds
    return np.asarray(fold[group])


def _normalised(targets: Targets) -> list[list[str]]:
    """The texts of each input."""
    if len(targets.task.inputs) == 1:
        return [[normalise(text) for text in targets.rows]]
    return [[normalise(row[place]) for row in targets.rows] for place in range(len(targets.task.inputs))]


def _strata(truth: np.ndarray) -> Integers:
    """The label of each row; of several its rarest, and one more for rows that have none."""
    if truth.ndim == 1:
        return truth
    sizes = np.append(truth.sum(axis=0), len(truth) + 1)
    return np.asarray(np.where(np.pad(truth, ((0, 0), (0, 1)), constant_values=True), sizes, len(truth) + 2).argmin(1))


def _features(columns: list[list[str]]) -> sparse.csr_matrix:
    """Of a text its TF-IDF; of a pair both, their products, and their cosine."""
    columns = [[text[:MOST_CHARACTERS] for text in texts] for texts in columns]
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=WORD,
        sublinear_tf=True,
        min_df=LEAST_ROWS,
        max_features=MOST_FEATURES,
        lowercase=False,
    )
    try:
        vectorizer.fit([text for texts in columns for text in texts])
    except ValueError:  # no word stands in two texts
        return sparse.csr_matrix((len(columns[0]), 1))
    found = [vectorizer.transform(texts) for texts in columns]
    if len(found) == 2:
        products = found[0].multiply(found[1])
        found += [products, sparse.csr_matrix(products.sum(axis=1))]
    return sparse.hstack(found, format="csr")


def _one(features: sparse.csr_matrix, truth: Integers, labels: int, seed: int, held_out: np.ndarray) -> Floats:
    """[rows held out, labels]: softmax over the labels of the other rows, 0 for the rest."""
    known = np.unique(truth[~held_out])
    found = np.zeros((held_out.sum(), labels))
    if len(known) == 1:
        found[:, known] = 1
    elif len(known):
        model = LogisticRegression(solver="sag", C=INVERSE_PENALTY, max_iter=ITERATIONS, tol=1e-2, random_state=seed)
        found[:, known] = model.fit(features[~held_out], truth[~held_out]).predict_proba(features[held_out])
    found[~np.isin(truth[held_out], known)] = np.nan
    return found


def _several(features: sparse.csr_matrix, truth: np.ndarray, labels: int, seed: int, held_out: np.ndarray) -> Floats:
    """[rows held out, labels]: each label by itself."""
    found = np.full((held_out.sum(), labels), np.nan)
    mine, rest = features[held_out], features[~held_out]
    # The quickest of scikit-learn's solvers for two classes.
    model = LogisticRegression(
        solver="liblinear", dual=True, C=INVERSE_PENALTY, max_iter=ITERATIONS, tol=0.1, random_state=seed
    )
    for label in range(labels):
        if len(np.unique(truth[~held_out, label])) == 2:
            found[:, label] = model.fit(rest, truth[~held_out, label]).predict_proba(mine)[:, 1]
    return found
