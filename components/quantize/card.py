"""The model card that travels in the bundle (after Mitchell et al. 2019, arXiv:1810.03993).

It holds no text of the data, and neither date nor timing, so that the same bundle has the same card.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from components.base.lengths import quantile
from components.base.metric_names import METRICS
from components.base.settings import QuantizeStep
from components.base.truncation import Truncation
from components.quantize.markdown import code, prose, table
from serving.tasks.entities import Scheme

DOES = {
    "single-label": "Classifies a text as one of",
    "multi-label": "Gives a text any number of",
    "text-pair": "Classifies a pair of texts as one of",
    "token-tags": "Finds in a text",
}
COUNTED = {"multi-label": "rows that have it", "token-tags": "words"}
OPEN_ENDED = {
    "multi-label": "A text that is of another kind than the training data still gets labels, or none.",
    "token-tags": "In a text of another kind than the training data it still finds what looks like an entity.",
}
CLOSED = (
    "Whatever is asked gets one of the labels, also what none of them fits: a low probability is the only sign of it."
)
INLINE = 12


def model_card(
    settings: QuantizeStep, summary: Mapping[str, Any], profile: Mapping[str, Any], versions: Mapping[str, str]
) -> str:
    """Markdown, after a YAML header as model hubs read it; `summary` is what quantization.json will hold, `profile` the
    profile of the training data."""
    parts = [
        f"---\n{yaml.safe_dump(_header(settings, summary), sort_keys=False)}---",
        f"# {settings.name}",
        _does(settings),
        "## Intended use",
        _use(settings),
        "## Data",
        *_data(settings, summary, profile),
        "## Figures on validation rows",
        *_figures(summary),
        "## Probabilities",
        _probabilities(settings, summary),
        "## Limits",
        _limits(),
        "## Versions",
        "\n".join(f"- {name} {version}" for name, version in sorted(versions.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _header(settings: QuantizeStep, summary: Mapping[str, Any]) -> dict[str, Any]:
    kind = "token-classification" if settings.data.task == "token-tags" else "text-classification"
    metric = "accuracy" if summary["metric"] == "accuracy" else "f1"
    tags = ["textgate", "onnx", kind, settings.data.task, summary["chosen"]]
    return {"library_name": "onnx", "pipeline_tag": kind, "tags": tags, "metrics": [metric]}


def _does(settings: QuantizeStep) -> str:
    """Of tags the types of entities that they make."""
    data, what = settings.data, "labels"
    names = data.labels
    if data.task == "token-tags":
        names, what = Scheme(names).types, "types of entities"
    listed = ", ".join(map(code, names)) if len(names) <= INLINE else f"{len(names)} {what}, which stand below"
    return f"{DOES[data.task]} {listed}."


def _use(settings: QuantizeStep) -> str:
    length, cut = settings.tokenization.max_length, Truncation.of(settings.tokenization)
    return "\n".join(
        [
            "- Meant for texts like those it was trained on: of their kind, language and length.",
            f"- {OPEN_ENDED.get(settings.data.task, CLOSED)}",
            f"- Texts longer than {length} tokens {cut}.",
            "- Not meant for other languages or kinds of text, nor for decisions on people that nobody looks at.",
        ]
    )


def _data(settings: QuantizeStep, summary: Mapping[str, Any], profile: Mapping[str, Any]) -> list[str]:
    task, labels, counts = settings.data.task, settings.data.labels, profile["labels"]
    half, most = (quantile(profile["lengths"], share) for share in (0.5, 0.95))
    told = (
        f"The train split has {profile['rows']:,} rows, the figures below are from {summary['rows']:,} rows of the"
        f" validation split. Half of the training texts have at most {half:,} characters, 95% at most {most:,}."
    )
    if (tokens := profile["tokens"]) and tokens["tokens"]:
        told += f" The tokenizer does not know {tokens['unknown'] / tokens['tokens']:.2%} of their tokens."
    header, rows = ["label", COUNTED.get(task, "rows")], [[code(one), f"{counts.get(one, 0):,}"] for one in labels]
    if thresholds := summary.get("thresholds"):
        header.append("given from the probability")
        rows = [[*row, f"{threshold:.4f}"] for row, threshold in zip(rows, thresholds, strict=True)]
    foreign = sum(counts.values()) - sum(counts.get(one, 0) for one in labels)
    parts = [told, table([header[0], f"{header[1]} in the train split", *header[2:]], rows)]
    if foreign:
        parts.append(f"Labels that the model does not have: {foreign:,}.")
    return parts


def _figures(summary: Mapping[str, Any]) -> list[str]:
    metric, candidates = summary["metric"], summary["candidates"]
    words = METRICS[metric].words
    header = [
        "candidate",
        words,
        f"{words} lost [95% interval]",
        "agreement with float32",
        "largest logit difference",
        "MB",
        "within limits",
    ]
    rows = [
        [
            f"**{name}**" if name == summary["chosen"] else name,
            f"{figures[metric]:.4f}",
            f"{figures[f'{metric}_drop']:+z.4f} [{low:+z.4f}, {high:+z.4f}]",
            f"{figures['agreement']:.4f}",
            f"{figures['max_logit_difference']:.4f}",
            f"{figures['bytes'] / 1e6:.1f}",
            "yes" if figures["within_limits"] else f"no: {prose(figures['why'])}",
        ]
        for name, figures in candidates.items()
        for low, high in [figures[f"{metric}_drop_interval"]]
    ]
    parts = [table(header, rows), f"The model is **{summary['chosen']}**: {prose(summary['why'])}."]
    kept = [one["layer"] for one in summary.get("sensitivity", []) if one["float"]]
    if kept and summary["chosen"] == "mixed":
        parts.append(f"Layers that stay float32: {', '.join(map(code, kept))}.")
    return parts


def _probabilities(settings: QuantizeStep, summary: Mapping[str, Any]) -> str:
    lines = [
        f"Logits are divided by the temperature {summary['temperature']} before they become probabilities. It was"
        " fitted on the validation rows, so that a probability says how often such answers are right."
    ]
    below, precision = summary["abstain_below"], settings.limits.abstain_precision
    wanted = f"{100 * precision:.4g}%"
    if settings.data.task in COUNTED or not precision:
        lines.append("No probability was fitted below which an answer is better withheld.")
    elif below == 0:
        lines.append(f"No answer needs to be withheld: at least {wanted} of them were right there.")
    elif below == 1:
        lines.append(f"There is no probability from which on {wanted} of the answers were right there.")
    else:
        lines.append(
            f"An answer whose probability is below {below:.4f} is better withheld: of the others, at least {wanted}"
            " were right there. The model gives it all the same; whoever asks decides."
        )
    if summary.get("thresholds"):
        lines.append("A label is given where its probability reaches its threshold, which stands in the table above.")
    return "\n".join(f"- {line}" for line in lines)


def _limits() -> str:
    return "\n".join(
        [
            "- The validation rows have also chosen the training's best epoch and the candidate, and all was fitted on"
            " them: figures on them flatter. Those on test rows, with slices and comparisons, and the verdict that let"
            " the model pass stand in the registry, beside the version; so do the data version and the base model.",
            "- Latency depends on the machine, and stands there, too.",
            "- Not recorded here: the language of the texts, and the licences of data and base model.",
            "- Not measured here: how answers differ between groups of people, and texts that are made to mislead.",
        ]
    )
