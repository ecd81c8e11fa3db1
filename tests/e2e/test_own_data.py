"""A team's own files, from `textgate init` to a registered model: messy as they come, nothing prepared by hand."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest
import yaml

from tests.e2e.story import Story
from tests.tiny_project import GATE_RULES, make_rows, write_base_model


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    project = tmp_path_factory.mktemp("own")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=project, check=True)
    write_base_model(project / "base_model")
    (project / "export").mkdir()
    rows = [(row["text"], row["label"].upper()) for row in make_rows(600, noise=0.05)]
    rows += [*rows[:20], ("who knows", "GOOD"), ("who knows", "BAD")]
    with (project / "export/tickets.csv").open("w", newline="", encoding="cp1252") as file:
        csv.writer(file, delimiter=";").writerows([("Nachricht", "Gefühl"), *rows])
    return Story(project)


@pytest.fixture(scope="module")
def begun(story: Story) -> str:
    """What `init` said, which wrote tickets.yaml."""
    status, out, err = story.textgate("init", "--from", "export", "--name", "tickets", "--output", "tickets.yaml")
    assert status == 0, err
    return out


@pytest.fixture(scope="module")
def imported(story: Story, begun: str) -> str:
    """What the import said, once tickets.yaml has what a tiny model needs."""
    path = story.project / "tickets.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["data"] |= {"version": "tickets.dvc", "remotes": ["remote"]}
    config["data"]["source"] |= {"duplicates": "drop", "contradictions": "drop"}
    config["base_model"] = {"reference": "base_model"}
    config["validation"] |= {"min_rows": {"train": 100, "validation": 30, "test": 30}, "min_rows_per_label": 5}
    config["tokenization"] = {"max_length": 24}
    training = {"epochs": 8, "batch_size": 16, "learning_rate": 0.005, "bucket_lengths": [12, 24], "dropout": 0.0}
    config["training"] = training
    config["quantization"] = {"min_agreement": 0.9, "max_accuracy_drop": 0.05}
    config["gate"] = {"rules": GATE_RULES}
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    status, out, err = story.textgate("data", "import", "--from", "export", "--config", "tickets.yaml")
    assert status == 0, err
    return out


def test_init_writes_a_config_that_loads_and_names_what_it_saw(story: Story, begun: str) -> None:
    config = yaml.safe_load((story.project / "tickets.yaml").read_text(encoding="utf-8"))
    assert config["data"]["columns"] == {"id": "id", "text": "Nachricht", "label": "Gefühl"}
    assert set(config["data"]["labels"]) == {"BAD", "GOOD", "PLAIN"}
    assert config["data"]["source"]["delimiter"] == ";"
    assert "cp1252" in config["data"]["source"]["encoding"].replace("windows-", "cp")
    assert "textgate data import" in begun


def test_the_import_is_versioned_and_valid_and_a_run_waits_for_the_push(story: Story, imported: str) -> None:
    assert "600" in imported and (story.project / "tickets/train.parquet").exists()
    status, out, err = story.textgate("data", "validate", "--config", "tickets.yaml")
    assert status == 0, out + err

    status, out, err = story.textgate("run", "--config", "tickets.yaml")
    assert status == 1
    assert "textgate data push" in err and not story.folders(), "what the remote lacks is said before a run begins"


@pytest.mark.slow
@pytest.mark.usefixtures("imported")
def test_the_pipeline_takes_what_was_pushed(story: Story) -> None:
    status, out, err = story.textgate("data", "push", "--config", "tickets.yaml")
    assert status == 0, out + err
    assert story.run("first", "--config", "tickets.yaml")["outcome"] == "registered"
    bundle = next(story.project.glob(".textgate/runs/*/tasks/*/quantize*/bundle"))
    assert (bundle / "profile.json").exists()


@pytest.mark.usefixtures("imported")
def test_what_changed_since_is_said_in_rows(story: Story) -> None:
    with (story.project / "export/tickets.csv").open("a", newline="", encoding="cp1252") as file:
        csv.writer(file, delimiter=";").writerow(("the very new phone was great love", "GOOD"))
    subprocess.run(["git", "add", "tickets.dvc"], cwd=story.project, check=True)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *identity, "commit", "-qm", "data"], cwd=story.project, check=True)
    status, _, err = story.textgate("data", "import", "--from", "export", "--config", "tickets.yaml")
    assert status == 0, err
    status, out, _ = story.textgate("data", "diff", "--config", "tickets.yaml")
    assert status == 0
    assert "added" in out and "GOOD" in out
