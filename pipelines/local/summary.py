"""The result of a run on one screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.base.metric_names import words
from components.base.settings import Settings
from pipelines.local.folder import Run
from pipelines.verdict_screen import rules_table

OUTCOMES = {
    "registered": "[green]passed[/] and registered",
    "refused-by-validation": "[red]refused by validation[/]",
    "refused-by-gate": "[red]refused by the gate[/]",
    "refused-by-canary": "[red]refused by the canary[/]",
    "unchanged": "[cyan]nothing changed; nothing registered[/]",
    "reproduced": "[cyan]made again; nothing registered[/]",
}
OVERRIDDEN = "[yellow]refused by the gate, overridden[/] and registered"


def show(
    run: Run, settings: Settings, answers: Table | None = None, options: str = "", again: str = "", like: str = ""
) -> None:
    """Steps, metrics, the gate's rules, the model, where everything lies, and what to type next.

    `options` are those that the next commands need to mean the same config, `again` is what tries another seed, `like`
    the run that was made again.
    """
    console = Console(highlight=False)
    outcome = run.outcome
    verdict = run.report("gate", "verdict", "verdict.json")
    overridden = bool(verdict) and verdict["outcome"] == "overridden"
    named = OVERRIDDEN if overridden and outcome == "registered" else OUTCOMES.get(outcome, outcome)
    console.print(f"\n[bold]{run.id}[/]: {named} in {run.seconds:.0f} s")
    console.print("  ".join(_step(run, step.name, overridden) for step in run.steps))
    if evaluation := run.report("evaluate", "evaluation", "evaluation.json"):
        console.print(_metrics(run, evaluation))
    if training := run.report("finetune", "checkpoint", "training.json"):
        console.print(_beside_floor(training))
    if verdict:
        console.print(rules_table(verdict))
    for failure in (run.report("validate", "report", "validation.json") or {}).get("failures", []):
        console.print(f"  [red]✗[/] {escape(failure)}")
    canary = run.report("canary", "report", "canary.json") or {"checks": []}
    for check in canary["checks"]:
        if not check["passed"]:
            found = f"canary: {check['check']}: {check['observed']} (expected {check['expected']})"
            console.print(f"  [red]✗[/] {escape(found)}")
    held = _aliases(settings)
    named = ", ".join(f"{alias} → version {version}" for alias, version in sorted(held.items())) or "no version yet"
    console.print(f"[bold]model[/] {settings.name}: {named}")
    console.print(f"[bold]base model[/] {escape(run.output('resolve', 'base_model'))}", soft_wrap=True)
    if answers:
        console.print(answers)
    for name, place in _places(run):
        console.print(f"[bold]{name}[/] {escape(place)}", soft_wrap=True)
    console.print("[bold]next[/]")
    lines = [f"{_program()} reproduce {like} --by {run.id}"]
    if not like:
        advice = verdict["next"] if verdict else []
        lines = [*advice, *next_commands(run, settings, held.get("challenger", ""), options, again)]
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, markup=False)


def _step(run: Run, name: str, overridden: bool) -> str:
    step = run.step(name)
    assert step
    refused = {"refused-by-validation": "validate", "refused-by-gate": "gate", "unchanged": "gate"}
    verdict = ""
    if name == "gate" and run.outcome == "reproduced":
        decided = (run.report("gate", "verdict", "verdict.json") or {"outcome": ""})["outcome"]
        verdict = f" [cyan]{decided}[/]"
    elif name in {"validate", "gate", "canary"}:
        failed = refused.get(run.outcome, "canary") == name and run.outcome != "registered"
        verdict = " [red]refused[/]" if failed else " [green]passed[/]"
    if name == "gate" and overridden:
        verdict = " [yellow]overridden[/]"
    time = "[cyan]reused[/]" if step.state == "reused" else f"[bold]{step.seconds:.1f}[/] s"
    return f"{name} {time}{verdict}"


def _metrics(run: Run, evaluation: dict[str, Any]) -> Table:
    table = Table(title=f"{evaluation['rows']} test rows", title_justify="left", box=None, pad_edge=False)
    metrics = list(dict.fromkeys(["accuracy", "macro_f1", evaluation["main"]]))
    for heading in ("", *map(words, metrics), "size"):
        table.add_column(heading, justify="left" if not heading else "right")
    quantization = run.report("quantize", "report", "quantization.json") or {"candidates": {}, "chosen": ""}
    sizes = {name: figures["bytes"] for name, figures in quantization["candidates"].items()}
    chosen = quantization["chosen"]
    champion = evaluation["champion"] or {}
    for name, model, size in (
        (f"served bundle ({chosen})", evaluation["bundle"], sizes.get(chosen)),
        ("its float parent", evaluation["float"], sizes.get("float32")),
        ("linear model", evaluation["linear"], None),
        (f"champion version {champion.get('version')}", champion, None),
    ):
        if model and "metrics" in model:
            table.add_row(name, *(_estimate(model["metrics"][metric]) for metric in metrics), _size(size))
    if "problem" in champion:
        said = f"champion version {champion['version']} was not compared with: {champion['problem']}"
        table.caption, table.caption_justify = escape(said), "left"
    return table


def _beside_floor(training: dict[str, Any]) -> str:
    """The epoch that was kept, and the TF-IDF linear model that every training is compared with."""
    best, floor = training["epochs"][training["best_epoch"] - 1], training["floor"]
    named = {"validation_accuracy": "accuracy", "validation_macro_f1": "macro F1"}
    found = ", ".join(f"{name} {best[key]:.4f} (linear model {floor[key]:.4f})" for key, name in named.items())
    return f"[bold]on validation[/] {found}"


def _estimate(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "not defined"
    ends = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    return escape(f"{found['value']:.4f}{ends}") + (" [yellow]?[/]" if found["unreliable"] else "")


def _size(size: int | None) -> str:
    return f"{size / 1e6:.1f} MB" if size else ""


def _aliases(settings: Settings) -> dict[str, str]:
    from components.base.registry import aliases

    return aliases(settings.name)


def _places(run: Run) -> list[tuple[str, str]]:
    from components.base.mlflow_client import shown_uri

    docs, evaluation = run.artifact("validate", "report"), run.artifact("evaluate", "evaluation")
    bundle = run.artifact("quantize", "bundle")
    return [
        *([("bundle", str(bundle))] if bundle else []),
        *([("evaluation", str(evaluation / "report.html"))] if evaluation else []),
        *([("Data Docs", str(docs / "data_docs" / "index.html"))] if docs else []),
        ("MLflow", f"{shown_uri()}, the run with the tag textgate.job_id {run.job_id}"),
        ("artifacts", str(run.folder / "tasks")),
        ("log", str(run.folder / "log.txt")),
    ]


def _program() -> str:
    """As it was called."""
    return sys.argv[0] if Path(sys.argv[0]).name == "textgate" else "textgate"


def next_commands(run: Run, settings: Settings, challenger: str, options: str, again: str) -> list[str]:
    """Three commands worth typing after this outcome."""
    textgate = _program()
    texts = ["the battery died after a day", *(["it broke"] if settings.data.task == "text-pair" else [])]
    serve, predict = f"{textgate} serve{options}", " ".join([textgate, "predict", *(f'"{text}"' for text in texts)])
    if settings.deploy.target == "kserve":
        model = f"{settings.name}{options}"
        serve, predict = f"{textgate} deploy status {model}", f"{textgate} deploy {model} --dry-run"
    another_seed = again or f"{textgate} run{options} --set training.seed={settings.training.seed + 1}"
    if run.outcome == "registered" and settings.promote.mode == "manual":
        return [f"{textgate} promote {settings.name} {challenger}{options}", serve, predict]
    if run.outcome == "refused-by-gate":
        return [
            f"{textgate} gate explain {run.id}",
            another_seed,
            f'{textgate} run --reuse {run.id} --override --reason "why it is registered all the same"',
        ]
    if run.outcome.startswith("refused"):
        return [f"less {run.folder / 'log.txt'}", another_seed, f"{textgate} run --reuse {run.id}"]
    return [serve, predict, another_seed]
