"""The process that lets kfp's local runner execute one run folder: `python -m pipelines.local.worker FOLDER`."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import nullcontext
from pathlib import Path

from kfp import components, local
from kfp.local import logging_utils, subprocess_task_handler


def main(folder: Path) -> None:
    # Around each task kfp exchanges the root logger's handlers and the builtin print, which two tasks of a loop at once
    # would mix up and leave behind: one handler for all is set here instead.
    logging_utils.local_logger_context = logging_utils.indented_print = nullcontext
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s - %(levelname)s - %(message)s")
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
