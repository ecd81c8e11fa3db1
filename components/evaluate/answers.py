"""What a model answers to rows, by the labels of the data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from components.base.progress import Progress
from components.base.targets import Targets
from components.base.targets.targets import Selected, aligned
from serving.predictor import Classifier
from serving.tasks.task import Decisions, Probabilities


class Answers(NamedTuple):
    """`labels` are the model's own; see Targets.translated and aligned."""

    digest: str
    labels: list[str]
    decisions: Decisions
    probabilities: Probabilities

    def of(self, selected: Selected) -> Answers:
        """Those to some of the rows, by some of the labels."""
        decisions, probabilities = selected.decisions(self.decisions), selected.probabilities(self.probabilities)
        return self._replace(decisions=decisions, probabilities=probabilities)


def ask(model: Classifier, targets: Targets, digest: str, what: str) -> Answers:
    """`what` says in the progress which model is asked."""
    progress = Progress(f"scoring {what}", len(targets), "texts")
    logits = model.logits(targets.rows, progress=progress.advance)
    probabilities = model.task.probabilities(logits, model.decider.temperature)
    decisions = targets.translated(model.task.decide(probabilities, model.decider), model.labels)
    return Answers(digest, model.labels, decisions, aligned(probabilities, model.labels, targets.labels))


def mistakes(ids: Any, targets: Targets, answers: Answers, most: int) -> list[dict[str, Any]]:
    """Rows that are answered wrongly, first those whose right answer was held least likely.

    `probability` is what the model gave to what is right: of several labels, or words, the geometric mean.
    """
    claims = targets.claims(answers.probabilities)
    sums, of = (np.bincount(claims.rows, weights, len(targets)) for weights in (claims.surprise, None))
    surprise = np.divide(sums, of, out=np.zeros(len(targets)), where=of > 0)
    wrong = np.flatnonzero(~targets.counts(answers.decisions).right)
    worst = wrong[np.argsort(-surprise[wrong], kind="stable")[:most]]
    shown = zip(
        worst.tolist(),
        targets.stored(targets.truth).take(worst).to_pylist(),
        targets.stored(answers.decisions).take(worst).to_pylist(),
        strict=True,
    )
    return [
        {"id": ids[row], "label": label, "predicted": predicted, "probability": round(float(np.exp(-surprise[row])), 6)}
        for row, label, predicted in shown
    ]
