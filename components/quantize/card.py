"""The model card that travels in the bundle."""

from __future__ import annotations

from typing import Any

from components.base.settings import QuantizeStep
from components.base.truncation import Truncation


def model_card(settings: QuantizeStep, summary: dict[str, Any]) -> str:
    """Markdown; figures are those of the validation rows that quantize saw."""
    chosen = summary["candidates"][summary["chosen"]]
    return f"""# {settings.name}

Classifies a text as one of: {", ".join(settings.data.labels)}.

- Precision: {summary["chosen"]} ({summary["why"]}).
- Accuracy on {summary["rows"]} validation rows: {chosen["accuracy"]:.4f}.
- Agreement with its float parent on them: {chosen["agreement"]:.4f}.
- Texts longer than {settings.tokenization.max_length} tokens {Truncation.of(settings.tokenization)}.
- Temperature {summary["temperature"]}.
- Intended for texts like those it was trained on;
  the evaluation and the verdict that let it pass stand in the registry.
"""
