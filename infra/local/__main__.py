"""python -m infra.local start | stop, in the folder .textgate/stack unless told otherwise."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

import click

from components.base.errors import TextgateError
from infra.local.seaweed import GRPC_OFFSET
from infra.local.stack import ENVIRONMENT, Ports, Stack

DEFAULT = Path(".textgate/stack")
FOLDER = click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT, show_default=True)
LAST = 65535


class Port(click.ParamType[int]):
    name = "port"

    def __init__(self, last: int = LAST) -> None:
        self.last = last

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Raises TextgateError where it is no number of a port."""
        digits = str(value)
        if len(digits) <= len(str(LAST)) and digits.isascii() and digits.isdigit() and int(digits) <= self.last:
            return int(digits)
        named = param.opts[0] if param else self.name
        raise TextgateError(f"{named} takes a port from 1 to {self.last}, or 0 for a free one, got {digits!r}")


@click.group(help=__doc__)
def commands() -> None:
    # As Ctrl-C: what was begun is ended again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@commands.command()
@FOLDER
@click.option("--mlflow-port", type=Port(), default=0, help="a free one unless given")
@click.option("--s3-port", type=Port(LAST - GRPC_OFFSET), default=0)
@click.option("--postgres-port", type=Port(), default=0)
def start(folder: Path, mlflow_port: int, s3_port: int, postgres_port: int) -> None:
    """Starts what does not run; a second start changes nothing."""
    stack = Stack(folder)
    began = stack.start(Ports(mlflow_port, s3_port, postgres_port))
    for name, address in stack.addresses().items():
        click.echo(f"{name:<10} {'started' if name in began else 'is running':<10}  {address}")
    click.echo(f"\nIn a shell that is to work with it ({', '.join(stack.environment())}):\n")
    click.echo(f"  . {shlex.quote(str(stack.folder / ENVIRONMENT))}")


@commands.command()
@FOLDER
def stop(folder: Path) -> None:
    """Ends it; what it keeps stays."""
    ended = Stack(folder).stop()
    click.echo(f"stopped {', '.join(ended)}" if ended else "nothing was running")


def main() -> None:
    try:
        commands.main(prog_name="python -m infra.local", standalone_mode=False)
    except TextgateError as error:
        sys.exit(str(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what this start began was ended again", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
