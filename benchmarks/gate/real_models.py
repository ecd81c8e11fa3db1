"""Decisions on two real models that are equal by construction: row by row, which prediction is whose is drawn by lot.

Linear models of words and of character n-grams, trained on 6,000 of the default data's texts, answer other ones.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.gate.trials import CONFIDENCE, TRIALS, accuracy, against_champion, passes, rate
from benchmarks.harness import Figure
from components.base.settings import EvaluationSettings
from components.base.targets.labels import LabelTargets
from components.evaluate.counted import compare
from pipelines.data.default.clean import clean
from pipelines.data.default.source import find_corpus, read_corpus
from pipelines.data.default.splits import write_splits

LABELS = ["negative", "neutral", "positive"]
TRAIN_ROWS = 6000
SIZES = (300, 3080, 20000)
# A trial of macro F1 draws samples of its own; coverage does not ask for more.
F1_OPTIONS = EvaluationSettings(bootstrap_samples=1000, confidence=CONFIDENCE)


def figures(data: Path | None) -> list[Figure]:
    truth, predicted = _predictions()
    rng = np.random.default_rng(1)
    right = predicted == truth
    found = [Figure("rows on which one of the two models alone is right", 100 * (right[0] ^ right[1]).mean(), "%")]
    rule, f1_rule = against_champion("superior"), against_champion("superior", "macro_f1")
    for rows in SIZES:
        passed = greater = 0
        for _ in range(TRIALS):
            chosen = rng.permutation(len(truth))[:rows]
            one, other = np.where(rng.random(rows) < 0.5, right[:, chosen], right[::-1, chosen])
            gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
            passed += passes(rule, rows, accuracy(rows, gained, lost))
            greater += gained > lost
        what = f"of real models swapped by lot, n = {rows:,}"
        found.append(rate(f"`superior` promotes {what}", passed, TRIALS, most=0.06))
        found.append(rate(f"plain 'greater than' promotes {what}", greater, TRIALS))
    for rows in SIZES[:2]:
        passed = 0
        for _ in range(TRIALS):
            chosen = rng.permutation(len(truth))[:rows]
            one, other = np.where(rng.random(rows) < 0.5, predicted[:, chosen], predicted[::-1, chosen])
            targets = LabelTargets([""] * rows, truth[chosen], LABELS)
            passed += passes(f1_rule, rows, {"metrics": compare(targets, one, other, ["macro_f1"], F1_OPTIONS)})
        what = f"`superior` by macro F1 promotes real models swapped by lot, n = {rows:,}"
        found.append(rate(what, passed, TRIALS, most=0.06))
    return found


def _predictions() -> tuple[np.ndarray, np.ndarray]:
    """Truth [rows] and what the two models say [2, rows], of rows that they were not trained on."""
    rows, _ = clean(read_corpus(find_corpus()))
    with tempfile.TemporaryDirectory() as folder:
        write_splits(rows, Path(folder))
        table = pq.read_table(Path(folder) / "train.parquet", columns=["text", "label"])
    texts = np.array(table["text"].to_pylist(), object)
    labels = np.array([LABELS.index(label) for label in table["label"].to_pylist()])
    order = np.random.default_rng(0).permutation(len(texts))
    train, rest = order[:TRAIN_ROWS], order[TRAIN_ROWS:]
    vectors = TfidfVectorizer(sublinear_tf=True), TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=2)
    models = [
        make_pipeline(one, LogisticRegression(C=5, max_iter=300)).fit(texts[train], labels[train]) for one in vectors
    ]
    return labels[rest], np.stack([model.predict(texts[rest]) for model in models])
