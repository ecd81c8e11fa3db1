"""Training killed at a random moment and taken up again, ten times: the weights' hashes beside an undisturbed one's."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.finetune.prepared import TRAINING, base_model, encode, read
from benchmarks.harness import Figure
from benchmarks.public_data import Absent
from components.base.files import sha256_file
from components.base.settings import CheckpointSettings, FinetuneStep, TrainingSettings

TIMES, ROWS = 10, 480
SETTINGS = TrainingSettings(epochs=2, max_train_rows=ROWS, max_validation_rows=100)


def figures(data: Path | None) -> list[Figure]:
    try:
        splits = read("banking77")
    except Absent as reason:
        return [Figure("resume after a kill", f"skipped: {reason}", "")]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        encoded = encode(splits, folder)
        started = time.monotonic()
        _start(encoded, SETTINGS, folder / "whole").wait()
        lasted = time.monotonic() - started
        whole = _hash(folder / "whole")
        equal = sum(_killed(encoded, folder, number, lasted) == whole for number in range(TIMES))
    return [Figure("weights equal after a kill at a random moment", equal, f"of {TIMES}", f"{TIMES}", equal == TIMES)]


def _killed(encoded: Path, folder: Path, number: int, lasted: float) -> str:
    place = CheckpointSettings(place=str(folder / f"place-{number}"), minutes=0, steps=1)
    settings = SETTINGS.model_copy(update={"checkpoint": place})
    target = folder / f"killed-{number}"
    process = _start(encoded, settings, target)
    while not (folder / f"place-{number}").exists() and process.poll() is None:
        time.sleep(0.1)
    time.sleep(random.Random(number).uniform(0, lasted / 2))
    process.kill()
    process.wait()
    if not target.exists():
        _start(encoded, settings, target).wait()
    return _hash(target)


def _start(encoded: Path, settings: TrainingSettings, target: Path) -> subprocess.Popen[bytes]:
    step = FinetuneStep(training=settings)
    command = [sys.executable, "-c", TRAINING, str(encoded), str(base_model()), step.model_dump_json(), str(target)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _hash(target: Path) -> str:
    return sha256_file(target / "hf/model.safetensors")
