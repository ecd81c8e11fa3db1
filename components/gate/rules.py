"""The rules. Each yields what was observed, the limit, whether it holds, and why, whatever the others say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from components.base.settings import GateSettings


@dataclass(frozen=True)
class Rule:
    rule: str
    observed: float | str
    limit: str
    passed: bool
    why: str


def verdict(evaluation: dict[str, Any], timing: dict[str, Any], settings: GateSettings) -> dict[str, Any]:
    """verdict.json: `outcome` is passed, refused, or unchanged when the champion is this very bundle."""
    champion = evaluation["champion"]
    if champion and champion["digest"] == evaluation["bundle"]["digest"]:
        rule = _unchanged(champion)
        return {"passed": False, "outcome": "unchanged", "summary": rule.why, "rules": [asdict(rule)]}
    rules = [*_floors(evaluation, settings), _latency(timing, settings), *_against(champion, settings)]
    failed = [rule for rule in rules if not rule.passed]
    if failed:
        summary = "refused: " + "; ".join(rule.why for rule in failed)
    else:
        summary = "passed: " + (rules[-1].why if champion else "every floor holds, and there is no champion to beat")
    return {
        "passed": not failed,
        "outcome": "refused" if failed else "passed",
        "summary": summary,
        "rules": [asdict(rule) for rule in rules],
    }


def _unchanged(champion: dict[str, Any]) -> Rule:
    why = f"nothing changed: the bundle is, byte for byte, the champion's (version {champion['version']})"
    return Rule("differs from the champion", champion["digest"][:12], "another digest", False, why)


def _floor(name: str, observed: float, limit: float) -> Rule:
    passed = observed >= limit
    why = f"{name} {observed:.4f} {'reaches' if passed else 'is below'} {limit}"
    return Rule(name, observed, f">= {limit}", passed, why)


def _floors(evaluation: dict[str, Any], settings: GateSettings) -> list[Rule]:
    metrics = evaluation["bundle"]["metrics"]
    recalls = {name: row["recall"] for name, row in evaluation["bundle"]["per_label"].items() if row["support"]}
    recalls = recalls or {"none has test rows": 0.0}
    worst = min(recalls, key=lambda name: recalls[name])
    micro = [_floor("micro F1", metrics["micro_f1"]["value"], settings.min_micro_f1)] if "micro_f1" in metrics else []
    return [
        _floor("accuracy", metrics["accuracy"]["value"], settings.min_accuracy),
        _floor("macro F1", metrics["macro_f1"]["value"], settings.min_macro_f1),
        *micro,
        _floor(f"recall of the worst label, {worst}", recalls[worst], settings.min_label_recall),
        _floor("agreement with float", evaluation["agreement_with_float"], 1 - settings.max_agreement_loss),
    ]


def _latency(timing: dict[str, Any], settings: GateSettings) -> Rule:
    observed, limit = timing["p95_ms"], settings.max_latency_ms
    passed = observed <= limit
    why = f"95 % of single texts are answered within {observed:.1f} ms, {'under' if passed else 'over'} {limit:g} ms"
    return Rule("latency", observed, f"<= {limit:g} ms", passed, why)


def _against(champion: dict[str, Any] | None, settings: GateSettings) -> list[Rule]:
    if champion is None:
        return []
    found = champion["comparison"][settings.metric]
    difference, low, high = found["difference"], found["low"], found["high"]
    name, version = settings.metric.replace("_", " "), champion["version"]
    bounds = f"paired interval {low:+.4f} to {high:+.4f}"
    safe = low >= -settings.max_loss
    better = difference > settings.min_gain
    return [
        Rule(
            "not worse than the champion",
            low,
            f">= {-settings.max_loss:g}",
            safe,
            f"{name} against champion version {version}: {bounds} "
            + ("stays above" if safe else "reaches below")
            + f" {-settings.max_loss:g}",
        ),
        Rule(
            "better than the champion",
            difference,
            f"> {settings.min_gain:g}",
            better,
            f"{name} is {difference:+.4f} against champion version {version} ({bounds}); "
            + ("the challenger is better" if better else "the champion stays"),
        ),
    ]
