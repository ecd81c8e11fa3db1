"""The process that lets kfp's local runner execute one run folder: `python -m pipelines.local.worker FOLDER`."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from kfp import components, local
from kfp.local import subprocess_task_handler


def main(folder: Path) -> None:
    # kfp tells of reused steps through the root logger.
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    # kfp would rewrite the text "python3" in every argument, paths in parameters included; PATH finds the interpreter.
    subprocess_task_handler.replace_python_executable = lambda full_command, new_executable: full_command
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder / "tasks"),
        workspace_root=str(folder / "workspace"),
        raise_on_error=True,
        enable_caching=True,
        cache_root=str(folder / "cache"),
    )
    arguments = json.loads((folder / "arguments.json").read_text(encoding="utf-8"))
    components.load_component_from_file(str(folder / "pipeline.yaml"))(**arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
