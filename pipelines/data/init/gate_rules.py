"""The rules of the gate that a drafted config has."""

from __future__ import annotations

from typing import Any

from components.base.settings import Task


def gate_rules(task: Task, min_accuracy: float) -> dict[str, tuple[dict[str, Any], str]]:
    """By name, each with what a reader is to know of it."""
    if task == "token-tags":
        return {
            "micro_f1": ({"at_least": 0.3}, "of entities, each right where its words and its type are"),
            "macro_f1": ({"at_least": 0.1}, "the mean over types, rare ones counting as much as common ones"),
        }
    macro_f1 = {"at_least": 0.4}, "the mean over labels, rare ones counting as much as common ones"
    if task == "multi-label":
        return {
            "micro_f1": ({"at_least": 0.4}, "over all labels of all texts"),
            "macro_f1": macro_f1,
            "all_labels_right": (
                {"metric": "accuracy", "at_least": 0.1},
                "of texts that get all of their labels and no other",
            ),
        }
    return {
        "accuracy": ({"at_least": min_accuracy}, "more than always saying the commonest label"),
        "macro_f1": macro_f1,
        "each_label": (
            {"metric": "recall", "label": "*", "at_least": 0.05},
            "one that is never predicted does not pass",
        ),
    }
