"""The model card that travels in the bundle."""

from __future__ import annotations

from typing import Any

from components.base.settings import QuantizeStep
from components.base.truncation import Truncation

DOES = {
    "single-label": "Classifies a text as one of",
    "multi-label": "Gives a text any number of",
    "text-pair": "Classifies a pair of texts as one of",
    "token-tags": "Gives each word of a text one of the tags",
}
METRICS = {"accuracy": "Accuracy", "micro_f1": "Micro F1"}


def model_card(settings: QuantizeStep, summary: dict[str, Any]) -> str:
    """Markdown; figures are those of the validation rows that quantize saw."""
    chosen, metric = summary["candidates"][summary["chosen"]], summary["metric"]
    return f"""# {settings.name}

{DOES[settings.data.task]}: {", ".join(settings.data.labels)}.

- Precision: {summary["chosen"]} ({summary["why"]}).
- {METRICS[metric]} on {summary["rows"]} validation rows: {chosen[metric]:.4f}.
- Agreement with its float parent on them: {chosen["agreement"]:.4f}.
- Texts longer than {settings.tokenization.max_length} tokens {Truncation.of(settings.tokenization)}.
- Temperature {summary["temperature"]}.
- Intended for texts like those it was trained on;
  the evaluation and the verdict that let it pass stand in the registry.
"""
