from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.base.errors import TextgateError
from pipelines.cli import COMMANDS, cli, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_is_there(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pipelines.cli import cli\n"
        "try:\n cli(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ["tensorflow", "mlflow", "kfp", "pandas", "numpy", "pydantic", "great_expectations", "transformers", "rich"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_misspelt_step_is_refused_before_a_run_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(tmp_path))
    result = CliRunner().invoke(cli, ["run", "--reuse", "x", "--from", "fine-tune"])
    assert isinstance(result.exception, TextgateError)
    assert "'fine-tune'" in str(result.exception) and "finetune" in str(result.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["run"], ["run", "--reuse", "x"], ["submit", "--host", "http://127.0.0.1:9"]])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--override"], "--override needs --reason TEXT"),
        (["--override", "--reason", " \n"], "--override needs --reason TEXT"),
        (["--override", "--reason", "x" * 501], "of 1 to 500 characters"),
        (["--reason", "it is better"], "--reason goes with --override"),
    ],
)
def test_an_override_needs_its_reason(
    command: list[str], options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(tmp_path))
    result = CliRunner().invoke(cli, [*command, *options])
    assert isinstance(result.exception, TextgateError)
    assert said in str(result.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError(13, "Permission denied", "notes.md"), "notes.md: Permission denied"),
        (OSError("no more"), "no more"),
    ],
)
def test_what_the_system_refuses_is_said_without_numbers(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> int:
        raise error

    monkeypatch.setattr(cli, "main", refuse)
    monkeypatch.delenv("TEXTGATE_DEBUG", raising=False)
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == f"textgate: {said}\n"


def test_a_known_fault_is_one_line_and_debug_shows_where(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from pipelines.cli import main; main()"]
    plain = subprocess.run([*command, "config", "check", "no.yaml"], capture_output=True, text=True, check=False)
    assert (plain.returncode, plain.stdout) == (1, "")
    assert plain.stderr == "textgate: the config file no.yaml does not exist; name yours by --config\n"
    debug = [*command, "--debug", "config", "check", "no.yaml"]
    assert "Traceback" in subprocess.run(debug, capture_output=True, text=True, check=False).stderr
