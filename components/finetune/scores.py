"""How well logits answer the targets of validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax
from seqeval.metrics import f1_score as entity_f1
from seqeval.scheme import IOB2
from sklearn.metrics import f1_score

from components.base.encoding import UNTAGGED
from components.finetune.rows import Rows
from serving.tasks.entities import OUTSIDE, Scheme


def validation_scores(logits: Any, rows: Rows, labels: list[str]) -> dict[str, float]:
    """What `scores` gives, as the report of a training names it."""
    return {f"validation_{name}": value for name, value in scores(logits, rows, labels).items()}


def scores(logits: Any, rows: Rows, labels: list[str]) -> dict[str, float]:
    """`loss`, `accuracy`, `macro_f1` and `micro_f1` of logits float32 [rows, labels], or one [tokens, labels] each.

    Of texts with one label: mean cross-entropy, the share that is right, F1 over labels. With several: cross-entropy
    over all labels, the share with all labels right, F1 over labels and over all decisions, at a probability of a half.
    Of tags: the same over words, but F1 over entities (`seqeval`, strict IOB2): macro over their types, micro over all
    of them. Tags without B- stand for themselves, all but O.
    """
    if rows.kind == "tags":
        return _of_tags(logits, rows, labels)
    found, targets = rows.by_text(logits)
    if rows.kind == "single":
        predicted = found.argmax(axis=1)
        loss = -log_softmax(found, axis=1)[np.arange(len(targets)), targets].mean()
        right = predicted == targets
    else:
        predicted = expit(found) > 0.5
        loss = -np.where(targets, log_expit(found), log_expit(-found)).mean()
        right = (predicted == targets).all(axis=1)
    return {
        "loss": float(loss),
        "accuracy": float(right.mean()),
        **{
            f"{average}_f1": float(f1_score(targets, predicted, average=average, zero_division=0))
            for average in ("macro", "micro")
        },
    }


def _of_tags(logits: list[np.ndarray], rows: Rows, labels: list[str]) -> dict[str, float]:
    firsts = [targets != UNTAGGED for targets in rows.targets]
    wanted = [targets[first] for targets, first in zip(rows.targets, firsts, strict=True)]
    chosen = [values[first] for values, first in zip(logits, firsts, strict=True)]
    together, targets = np.concatenate(chosen), np.concatenate(wanted)
    predicted = [values.argmax(axis=1) for values in chosen]
    named = [[[labels[tag] for tag in sentence] for sentence in sentences] for sentences in (wanted, predicted)]
    result = {
        "loss": float(-log_softmax(together, axis=1)[np.arange(len(targets)), targets].mean()),
        "accuracy": float((together.argmax(axis=1) == targets).mean()),
    }
    iob2, own = Scheme(labels).iob2, [place for place, label in enumerate(labels) if label != OUTSIDE]
    for average in ("macro", "micro"):
        result[f"{average}_f1"] = float(
            entity_f1(*named, average=average, mode="strict", scheme=IOB2, zero_division=0)
            if iob2
            else f1_score(targets, together.argmax(axis=1), labels=own, average=average, zero_division=0)
        )
    return result
