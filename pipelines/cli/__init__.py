"""The command line: each command in a module of its own, imported only when it is called."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from typing import Any

import click

COMMANDS = {
    "bench": "how much a server bears",
    "bundle": "show, verify or time a bundle",
    "cache": "why a step of a run was taken from a cache, or ran",
    "cancel": "end a run on Kubeflow",
    "compile": "write the compiled pipeline of a config",
    "config": "check a config file",
    "data": "import, version and check the data",
    "demo": "run everything once on the default data, serve the model and ask it",
    "deploy": "deploy the champion, or a version as a preview; show what is deployed",
    "diff": "what two runs differ in, from settings to predictions",
    "gate": "explain a verdict, or run the rules alone",
    "history": "show every promotion of a model, or check that none was removed or edited",
    "image": "build the images of the cluster, push them, tell their digests",
    "init": "write a config for files of labelled texts",
    "lineage": "show what a run or a version was made of, and what came of it",
    "logs": "print what a step of a run on Kubeflow printed",
    "models": "list registered versions, or delete old ones",
    "pipelines": "upload the compiled pipeline to Kubeflow, or list those that are there",
    "predict": "ask the running server about texts",
    "preflight": "ask whether a run on a cluster would find what it needs",
    "promote": "canary, promote and deploy a registered version",
    "reconcile": "finish a promotion that was cut off; tell what was moved by hand",
    "reject": "say that a version shall not be promoted",
    "reproduce": "make a recorded run again, and compare what came out",
    "retry": "try a run on Kubeflow again from the step that failed",
    "rollback": "make the champion before the champion again, and deploy it",
    "run": "run the pipeline on this machine",
    "runs": "list the runs on Kubeflow",
    "schedule": "run the pipeline on Kubeflow again and again",
    "serve": "serve the deployed champion over HTTP",
    "status": "show champion, challenger and what is deployed",
    "submit": "run the pipeline on a Kubeflow cluster",
    "undeploy": "take away what is deployed",
    "watch": "follow a run on Kubeflow to its end",
}


class LazyGroup(click.Group):
    """Knows its commands by name and help; importing one is left until it is called.

    `lazy` maps names to helps; the command `name` is the attribute `command` of the module `name` in `package` (with
    a _ at its end where the name alone is a word of Python).
    """

    def __init__(self, *args: Any, lazy: dict[str, str], package: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy, self.package = lazy, package

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = importlib.import_module(f"{self.package}.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy.items()))


@click.group(cls=LazyGroup, lazy=COMMANDS, package=__name__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show stack traces.")
@click.version_option(package_name="textgate")
def cli(debug: bool) -> None:
    """Labelled text in, a gated, quantized, served classifier out."""
    if debug:
        os.environ["TEXTGATE_DEBUG"] = "1"


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def main() -> None:
    """Runs the command; a TextgateError becomes its message on stderr and exit status 1, an interrupt 130."""
    from components.base.errors import TextgateError

    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("textgate: interrupted", file=sys.stderr)
        status = 130
    except (TextgateError, OSError) as error:
        if os.environ.get("TEXTGATE_DEBUG"):
            raise
        print(f"textgate: {_said(error)}", file=sys.stderr)
        status = 1
    except Exception as error:
        if os.environ.get("TEXTGATE_DEBUG"):
            raise
        print(
            f"textgate: {type(error).__name__}: {error}\nThis is a fault of textgate; `textgate --debug` shows where.",
            file=sys.stderr,
        )
        status = 1
    sys.exit(status)
