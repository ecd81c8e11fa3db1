"""The finetune step in a process of its own: determinism and thread counts are set before TensorFlow does anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from components.base.settings import (
    DataSchema,
    FinetuneStep,
    ModelSettings,
    TokenizationSettings,
    TokenizeStep,
    TrainingSettings,
)
from components.base.settings.data import Task
from components.finetune.rows import Rows
from components.tokenize.tokenize import tokenize
from tests.tiny_project import LABELS, TAGS, make_rows, make_task_rows, split_rows, write_base_model, write_tables

SCRIPT = """
import sys
from pathlib import Path
from components.base.settings import FinetuneStep
from components.finetune.finetune import finetune
folder = Path(sys.argv[1])
if sys.argv[4:]:
    import time
    from components.finetune.checkpoints import Checkpoints

    asked, held, due = 0, Path(sys.argv[4]), Checkpoints.due

    def wait_at(self):
        global asked
        asked += 1
        if asked == int(sys.argv[5]):
            held.touch()
            while held.exists():
                time.sleep(0.01)
        return due(self)

    Checkpoints.due = wait_at
settings = FinetuneStep.model_validate_json(sys.argv[2])
finetune(folder / "encoded", folder / "base_model", settings, Path(sys.argv[3]))
"""


def write_inputs(folder: Path, task: Task = "single-label") -> Path:
    """`encoded` and `base_model`, both tiny."""
    rows = make_rows(240) if task == "single-label" else make_task_rows(task, 240)
    write_tables(folder / "tables", split_rows(rows))
    write_base_model(folder / "base_model")
    schema = DataSchema(task=task, labels=TAGS if task == "token-tags" else LABELS)
    step = TokenizeStep(data=schema, options=TokenizationSettings(max_length=24))
    tokenize(folder / "tables", folder / "base_model", step, folder / "encoded")
    return folder


def start(
    inputs: Path,
    name: str,
    settings: TrainingSettings,
    model: ModelSettings | None = None,
    hold: tuple[Path, int] | None = None,
) -> subprocess.Popen[str]:
    """With `hold` it creates that file after so many updates, and waits until the file is gone."""
    step = FinetuneStep(model=model or ModelSettings(), training=settings)
    command = [sys.executable, "-c", SCRIPT, str(inputs), step.model_dump_json(), str(inputs / name)]
    command += map(str, hold or ())
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and what was said on stderr."""
    _, err = process.communicate(timeout=200)
    return process.returncode, err


def rows_of(count: int = 40, seed: int = 0) -> Rows:
    """The label of a text is that of the one word in it that is not filler."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3).astype(np.int32)
    tokens = []
    for label in labels:
        words = rng.integers(5, 17, rng.integers(2, 13))
        words[rng.integers(len(words))] = 17 + 6 * label + rng.integers(6)
        tokens.append(np.concatenate([[2], words, [3]]).astype(np.int32))
    return Rows(tokens, labels)
