"""What a run is started with that is to be like a recorded one: the same arguments, but for where things lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.base.errors import TextgateError
from components.base.settings import (
    EvaluateStep,
    FetchStep,
    GateStep,
    QuantizeStep,
    Reproduction,
    Settings,
    ValidateStep,
    from_json,
    run_step,
    settings_again,
    step_sections,
)
from components.base.workspace import home
from pipelines.data.version import VERSION_FILE, tracked
from pipelines.lineage.recorded import RecordedRun

# What --set may change of the recorded settings: where things lie, and what machines have more or less of.
PLACES = (
    "data.remotes",
    "s3.",
    "base_model.reference",
    "training.checkpoint.",
    "training.threads",
    "training.devices",
    "cluster.",
)
PINNED = ("base_model", "base_model_digest", "champion_version", "champion_digest", "champion_data")


@dataclass(frozen=True)
class Like:
    """A run like `recorded`, named `name`, that ends after the step `to` where that is not empty."""

    recorded: RecordedRun
    settings: Settings
    name: str
    to: str = ""

    def arguments(self) -> dict[str, str]:
        """The parameters of the pipeline: suite, tests and bench as recorded, base model and champion pinned."""
        recorded, settings = self.recorded.arguments(), self.settings
        sections = step_sections(
            settings,
            from_json(ValidateStep, recorded["validate_settings"]).suite,
            from_json(EvaluateStep, recorded["evaluate_settings"]).behaviour,
            from_json(GateStep, recorded["gate_settings"]).bench,
        )
        marked = {
            "run": run_step(settings).model_copy(update={"like": reproduction(self.recorded, settings)}),
            "fetch": from_json(FetchStep, sections["fetch"]).model_copy(update={"fresh": self.name}),
            "quantize": from_json(QuantizeStep, sections["quantize"]).model_copy(
                update={"chosen": self.recorded.params.get("quantization.chosen", "")}
            ),
            "gate": from_json(GateStep, sections["gate"]).model_copy(update={"reproduction": True}),
        }
        sections |= {name: section.model_dump_json() for name, section in marked.items()}
        return {
            "run": sections.pop("run"),
            "data_md5": recorded["data_md5"],
            "base_model": settings.base_model.model_dump_json(),
            "override": recorded["override"],
            **{f"{step}_settings": section for step, section in sections.items()},
        }


def like(
    recorded: RecordedRun, name: str, overrides: Sequence[str] = (), to: str = "", remotes: Sequence[str] = ()
) -> Like:
    """With `remotes` asked for the data before those of the settings, and a place of its own for what training saves.

    Raises TextgateError where `overrides` change more than where things lie, or today's code does not know a setting.
    """
    changing = [one for one in overrides if not one.startswith(PLACES)]
    if changing:
        raise TextgateError(
            f"--set {changing[0]} would make it another run; with the settings of a recorded one only"
            f" {', '.join(f'{place}*' if place.endswith('.') else place for place in PLACES)} can be set: where things"
            " lie, and what this machine has"
        )
    settings = settings_again(recorded.settings(), overrides, f"what the run {recorded.shown} recorded")
    moved = _moved(settings, recorded, name, overrides)
    tried = list(dict.fromkeys([*remotes, *moved.data.remotes]))
    data = moved.data.model_copy(update={"remotes": tried})
    return Like(recorded, moved.model_copy(update={"data": data}), name, to)


def reproduction(recorded: RecordedRun, settings: Settings) -> Reproduction:
    pins = {key: recorded.tag(key) for key in PINNED}
    if not pins["base_model_digest"]:
        raise TextgateError(
            f"the run {recorded.shown} ended before the step resolve pinned its base model and champion; there is"
            " nothing to be made again"
        )
    return Reproduction(run_id=recorded.run_id, **{**pins, "base_model": settings.base_model.reference})


def _moved(settings: Settings, recorded: RecordedRun, name: str, overrides: Sequence[str]) -> Settings:
    training, base_model = settings.training, settings.base_model
    if not any(one.startswith("base_model.reference") for one in overrides):
        base_model = base_model.model_copy(update={"reference": recorded.tag("base_model")})
    if training.batch_size == "auto" and (found := recorded.params.get("training.batch_size", "")).isdigit():
        training = training.model_copy(update={"batch_size": int(found)})
    if place := training.checkpoint.place:
        own = f"{place.rstrip('/')}/{name}" if "://" in place else str(home() / "reproductions" / f"{name}.saved")
        training = training.model_copy(update={"checkpoint": training.checkpoint.model_copy(update={"place": own})})
    pinned = base_model.model_copy(update={"warm_start": "none"})
    return settings.model_copy(update={"training": training, "base_model": pinned})


def caches() -> list[str]:
    """DVC's cache of the project that the current folder is in; none where it is in none."""
    try:
        return [str(tracked(Path(VERSION_FILE)).cache)]
    except TextgateError:
        return []
