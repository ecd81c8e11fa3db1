"""Each rule sees the fault that it is there for, and no other rule takes it for its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cluster.broken import BROKEN, Broken
from components.base.errors import TextgateError
from pipelines.lint import RULES, check, find_faults, read, step_names, step_titles
from pipelines.lint.__main__ import main
from tests.pipelines.golden_files import FOLDER

SOUND, OBJECTS = FOLDER / "finetune-everything.yaml", FOLDER / "promotion-manifests.yaml"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.change.__name__.strip("_"))
def test_a_broken_file_is_refused_by_its_rule_alone(broken: Broken, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    broken.write(OBJECTS if broken.objects else SOUND, path)
    compiled = read(path)
    said = {rule.name: list(rule.find(compiled)) for rule in RULES}
    assert {name for name, faults in said.items() if faults} == {broken.rule}
    assert broken.said in "\n".join(said[broken.rule])
    with pytest.raises(TextgateError) as refused:
        check(path)
    assert broken.said in str(refused.value) and str(path) in str(refused.value)


def test_every_rule_has_a_broken_file() -> None:
    assert {broken.rule for broken in BROKEN} == {rule.name for rule in RULES}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_sound_files_have_no_faults(path: Path) -> None:
    assert list(find_faults(read(path))) == []


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    for broken in (one for one in BROKEN if one.rule == "no value looks like a secret"):
        broken.write(SOUND, tmp_path / "broken.yaml")
        said = "\n".join(find_faults(read(tmp_path / "broken.yaml")))
        assert not any(secret in said for secret in ("hunter2", "AKIA", "q7Zr2", "MIIE"))


def test_a_run_of_this_machine_needs_no_digest(tmp_path: Path) -> None:
    broken = next(one for one in BROKEN if "latest" in one.said)
    broken.write(SOUND, tmp_path / "broken.yaml")
    assert list(find_faults(read(tmp_path / "broken.yaml"), local=True)) == []


def test_objects_hold_the_same_pipeline() -> None:
    assert step_names(read(OBJECTS).spec) == step_names(read(FOLDER / "promotion.yaml").spec)
    assert read(OBJECTS).platform and read(OBJECTS).objects


def test_steps_are_known_by_what_pages_show() -> None:
    spec = read(SOUND).spec
    titles = step_titles(spec)
    assert titles["finetune"] == "finetune" and titles["record refused-by-gate"].startswith("record")
    assert set(titles.values()) == step_names(spec)


def test_command_names_each_faulty_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    BROKEN[0].write(SOUND, tmp_path / "broken.yaml")
    other = tmp_path / "other.yaml"
    other.write_text("a: 1")
    assert main([str(SOUND), str(tmp_path / "broken.yaml"), str(other)]) == 2
    said = capsys.readouterr()
    assert f"{tmp_path / 'broken.yaml'}: {BROKEN[0].said}" in said.err and f"\n{other} is not a compiled" in said.err
    assert "3 compiled pipelines" in said.out and "2 with faults" in said.out


@pytest.mark.slow
def test_every_form_of_the_configs_is_sound() -> None:
    assert main([]) == 0
