"""The bundle: the one folder that is evaluated, gated, registered and served, and the manifest that seals it.

Beside bundle.json lie model.onnx (inputs input_ids, attention_mask and, of pairs, token_type_ids, int64 [batch,
length]; output logits float32 [batch, labels], of tags [batch, length, labels]), tokenizer.json, canary.json (see
read_canary), profile.json (of the training data, hashed: what drift is measured against) and README.md. With MLmodel,
which MLflow reads (components/base/mlflow_model.py), the folder is an MLflow model besides.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from components.base.errors import TextgateError
from components.base.files import files_below, read_json, sha256_file, write_json
from components.base.precisions import PRECISIONS
from components.base.truncation import POLICIES, Truncation
from serving.tasks import TASKS
from serving.tasks.task import Decider, Task

# Format 1 knew one way to cut a long text, "right", which is the policy head.
FORMAT = 2
MANIFEST = "bundle.json"
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
CANARY = "canary.json"
# Of an example of the canary; missing where it is true.
RIGHT = "right"
CARD = "README.md"
PROFILE = "profile.json"
REQUIRED = (MODEL, TOKENIZER)
# Keys of the manifest that are left out where they say nothing.
OPTIONAL = ("thresholds", "abstain_below")

# What MLflow reads or lays beside a bundle's own files: how to load it, ids, times and environments, no content.
BESIDE = {
    MANIFEST,
    "MLmodel",
    "conda.yaml",
    "input_example.json",
    "python_env.yaml",
    "registered_model_meta",
    "requirements.txt",
    "serving_input_example.json",
}


@dataclass(frozen=True)
class Manifest:
    """`truncation` holds the policy and its parameters (components/base/truncation.py), of `max_length` tokens.

    `files` maps names relative to the folder to sha256; `temperature` and `thresholds` are those of Decider. Where a
    task needs no thresholds, bundle.json has none. `abstain_below` is the probability below which an answer is better
    withheld: 0 where none is, 1 where no probability is enough.
    """

    format: int
    name: str
    task: str
    labels: list[str]
    max_length: int
    truncation: dict[str, Any]
    temperature: float
    precision: str
    files: dict[str, str]
    versions: dict[str, str]
    thresholds: list[float] = field(default_factory=list)
    abstain_below: float = 0.0

    @property
    def decider(self) -> Decider:
        """How logits become answers."""
        return Decider(self.labels, self.temperature, self.thresholds, self.abstain_below)

    @property
    def cut(self) -> Truncation:
        """How texts are cut for the model."""
        return Truncation(max_length=self.max_length, **self.truncation)


def write_manifest(
    folder: Path,
    *,
    name: str,
    task: str,
    labels: Sequence[str],
    truncation: Truncation,
    temperature: float,
    precision: str,
    versions: Mapping[str, str],
    thresholds: Sequence[float] = (),
    abstain_below: float = 0.0,
) -> Manifest:
    """Seals `folder`: hashes the files in it and writes bundle.json, the same bytes for the same content.

    Raises TextgateError when a value is not allowed, or the model or the tokenizer is missing.
    """
    names = [path.as_posix() for path in files_below(folder) if path.as_posix() not in BESIDE]
    manifest = Manifest(
        format=FORMAT,
        name=name,
        task=task,
        labels=list(labels),
        max_length=truncation.max_length,
        truncation=truncation.parameters,
        temperature=float(temperature),
        precision=precision,
        files={name: sha256_file(folder / name) for name in names},
        versions=dict(versions),
        thresholds=[float(threshold) for threshold in thresholds],
        abstain_below=float(abstain_below),
    )
    value = {key: kept for key, kept in asdict(manifest).items() if kept or key not in OPTIONAL}
    _parse(value, folder)
    write_json(folder / MANIFEST, value)
    return manifest


def load_manifest(folder: Path) -> Manifest:
    """The manifest alone; the files are not looked at. Raises TextgateError when it is absent, malformed or newer."""
    if not folder.is_dir():
        raise TextgateError(f"the bundle {folder} is not a folder")
    if not (folder / MANIFEST).exists():
        raise TextgateError(f"the folder {folder} is no bundle: its {MANIFEST} does not exist")
    return _parse(read_json(folder / MANIFEST, strict=True), folder)


def verify(folder: Path) -> Manifest:
    """The manifest, after every file was hashed.

    Raises TextgateError naming the file that is missing, changed, present without being listed, or a link that leads
    out of the folder, since what such a link shows can change with nothing in the bundle.
    """
    manifest = load_manifest(folder)
    if outside := _outside(folder):
        raise TextgateError(f"the bundle {folder} holds {outside}, a link out of the bundle: put the file itself there")
    present = {path.as_posix() for path in files_below(folder)} - BESIDE
    if missing := sorted(set(manifest.files) - present):
        raise TextgateError(f"the bundle {folder} lacks {', '.join(missing)}, which its {MANIFEST} lists")
    if unlisted := sorted(present - set(manifest.files)):
        raise TextgateError(f"the bundle {folder} holds {', '.join(unlisted)}, which its {MANIFEST} does not list")
    for name, expected in sorted(manifest.files.items()):
        try:
            found = sha256_file(folder / name)
        except OSError as error:
            raise TextgateError(f"{folder / name} cannot be read: {error.strerror}") from None
        if found != expected:
            raise TextgateError(f"{folder / name} was changed: its sha256 is not the one in {MANIFEST}")
    return manifest


def _outside(folder: Path) -> str:
    """The first link below the folder, relative to it, that leads to no place in it; empty where there is none."""
    root = Path(os.path.realpath(folder))
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
            return path.relative_to(folder).as_posix()
    return ""


def digest(folder: Path) -> str:
    """sha256, in hex, of bundle.json's bytes; with a verified folder, the name of everything in it."""
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError:
        raise TextgateError(f"{folder / MANIFEST} does not exist or cannot be read") from None


def read_canary(folder: Path) -> list[dict[str, Any]]:
    """The stored examples: of each the task's inputs and, as `label`, `labels` or `entities`, what the bundle answers.

    An entity is {"label", "text", "start", "end"}. `right` is false where the answer is not known to be right, and
    missing where it is. Raises TextgateError when there are none or they are malformed.
    """
    task = TASKS[load_manifest(folder).task]
    keys = [*task.inputs, task.outputs[0].name]
    examples = read_json(folder / CANARY, strict=True)
    if not isinstance(examples, list) or not examples:
        raise TextgateError(f"{folder / CANARY} must hold a list of at least one example")
    for example in examples:
        if not _is_example(example, task):
            form = ", ".join(f'"{key}": ...' for key in keys)
            marked = f'with "{RIGHT}": false where its answer is not known to be right'
            raise TextgateError(f"{folder / CANARY}: an example must be {{{form}}}, {marked}, got {example!r}")
    return [{key: example[key] for key in (*keys, RIGHT) if key in example} for example in examples]


def _is_example(value: Any, task: Task) -> bool:
    if not isinstance(value, dict) or not all(_is_text(value.get(name)) for name in task.inputs):
        return False
    answer, output = value.get(task.outputs[0].name), task.outputs[0]
    known = isinstance(answer, list) if output.structured else _is_text(answer)
    return known and isinstance(value.get(RIGHT, True), bool)


def _is_text(value: Any) -> bool:
    """JSON can escape half a surrogate pair, which is no text and cannot be answered."""
    return isinstance(value, str) and bool(value) and not re.search("[\ud800-\udfff]", value)


def _is_count(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_temperature(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= sys.float_info.max


def _is_truncation(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("policy") not in POLICIES:
        return False
    share, overlap = value.get("head_share", 0), value.get("overlap", 0)
    return (
        value.keys() == Truncation(value["policy"]).parameters.keys()
        and _is_probability(share)
        and _is_count(overlap, least=0)
    )


def _are_labels(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value) >= 2


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _are_thresholds(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_probability, value))


def _are_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(version, str) for version in value.values())


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_plain, value)) and all(map(_is_sha256, value.values()))


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return path.as_posix() == name and not path.is_absolute() and ".." not in path.parts and name not in BESIDE


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format": (_is_count, "a whole number from 1"),
    "name": (_is_text, "a name"),
    "task": (lambda value: isinstance(value, str) and value in TASKS, f"one of {', '.join(TASKS)}"),
    "labels": (_are_labels, "a list of two or more different labels"),
    "max_length": (_is_count, "a number of tokens from 1"),
    "truncation": (_is_truncation, f"an object with the policy ({', '.join(POLICIES)}) and its parameters"),
    "temperature": (_is_temperature, "a finite number above 0"),
    "precision": (lambda value: isinstance(value, str) and value in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
    "files": (_are_files, "relative file names, each with its sha256"),
    "versions": (_are_versions, "names of libraries, each with its version"),
    "thresholds": (_are_thresholds, "a list of probabilities"),
    "abstain_below": (_is_probability, "a probability"),
}


def _parse(value: Any, folder: Path) -> Manifest:
    where = folder / MANIFEST
    if not isinstance(value, dict):
        raise TextgateError(f"{where} must hold a JSON object")
    written = value.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise TextgateError(
            f"{where} has format {written}; this textgate reads formats up to {FORMAT}: update textgate"
        )
    if written == 1 and value.get("truncation") == "right":
        value = {**value, "truncation": Truncation("head").parameters}
    if unknown := sorted(set(value) - set(ALLOWED)):
        raise TextgateError(f"{where} has the unknown key {unknown[0]}")
    for key in fields(Manifest):
        allowed, description = ALLOWED[key.name]
        if key.name not in value and key.name not in OPTIONAL:
            raise TextgateError(f"{where} lacks the key {key.name}")
        if key.name in value and not allowed(value[key.name]):
            raise TextgateError(f"{where}: {key.name} must be {description}, got {value[key.name]!r}")
    found = len(value.get("thresholds", []))
    if found != (needed := len(TASKS[value["task"]].thresholds(value["labels"]))):
        raise TextgateError(f"{where}: thresholds has {found} values; the task {value['task']} needs {needed}")
    for name in REQUIRED:
        if name not in value["files"]:
            raise TextgateError(f"{where} does not list {name}; a bundle must have it")
    return Manifest(**value)
