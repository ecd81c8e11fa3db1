from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.data.init.target import choose_target


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "project/.dvc").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["Tickets Export (2024).csv.gz"], "tickets-export-2024"),
        (["x/train.csv", "x/test.csv"], "x"),
        (["x/ner_train.conll", "x/ner.dev.conll"], "ner"),
        (["x/a.csv", "x/y/b.csv"], "x"),
        (["Größe Übersicht"], "groe-ubersicht"),
        (["training.jsonl", "valid.jsonl"], "project"),
        (["a" * 80 + ".csv"], "a" * 63),
    ],
)
def test_a_name_is_made_of_the_paths(paths: list[str], name: str) -> None:
    target = choose_target([Path(path) for path in paths], "", None, force=False)
    assert (target.name, target.config) == (name, Path(f"configs/{name}.yaml"))
    assert (target.version, target.cache) == (f"../{name}.dvc", "../.dvc/cache")


def test_paths_without_letters_need_a_name(project: Path) -> None:
    with pytest.raises(TextgateError, match="name it by --name"):
        choose_target([Path("/训练.csv")], "", None, force=False)
    assert choose_target([Path("/训练.csv")], "news", None, force=False).name == "news"


@pytest.mark.parametrize("name", ["News", "a b", "-a", "a-", "a" * 64, "ü"])
def test_a_wrong_name_is_refused(name: str) -> None:
    with pytest.raises(TextgateError, match="--name"):
        choose_target([Path("a.csv")], name, None, force=False)


@pytest.mark.parametrize("taken", ["tickets.dvc", "tickets"])
def test_neither_data_nor_a_folder_of_that_name_is_taken(taken: str, project: Path) -> None:
    (project / taken).mkdir()
    target = choose_target([Path("tickets")], "", None, force=False)
    assert (target.name, target.version) == ("tickets", "../tickets-data.dvc")


def test_a_config_elsewhere_names_the_projects_cache(project: Path) -> None:
    target = choose_target([Path("a.csv")], "", project / "deep/er/a.yaml", force=False)
    assert (target.version, target.cache) == ("../../a.dvc", "../../.dvc/cache")


def test_a_config_that_exists_is_kept_unless_forced(project: Path) -> None:
    config = project / "configs/a.yaml"
    config.parent.mkdir()
    config.write_text(
        "name: a\ndata: {version: ../other.dvc, labels: [x, y]}\nbase_model: {reference: package://p/m}\n"
    )
    with pytest.raises(TextgateError, match=r"exists already; .*--force"):
        choose_target([Path("a.csv")], "", None, force=False)
    assert choose_target([Path("a.csv")], "", None, force=True).version == "../other.dvc"
    config.write_text("not a config")
    assert choose_target([Path("a.csv")], "", None, force=True).version == "../a.dvc"
