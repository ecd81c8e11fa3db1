from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import base_models, registry, tracking
from components.base.errors import TextgateError
from components.base.lineage_files import pack
from components.base.mlflow_client import connect
from components.base.objects import open_store
from components.base.running import code_digest
from components.base.settings import BaseModelSettings, Reproduction, RunStep, S3Settings
from components.promote.promote import promote
from components.resolve.component import resolve as component
from components.resolve.resolve import UNKNOWN, Outputs, resolve
from tests.hub import Hub, commit_of, one_commit, serving
from tests.mlflow_store import DATA_MD5
from tests.weed import Weed

RUN = RunStep(name="tiny")
MD5 = "0123456789abcdef0123456789abcdef.dir"
LINEAGE = {"git_commit": "c0ffee", "seed": "1"}


@pytest.fixture
def base_model(tmp_path: Path) -> BaseModelSettings:
    folder = tmp_path / "base"
    folder.mkdir()
    for name in base_models.REQUIRED:
        (folder / name).write_text(name)
    return BaseModelSettings(reference=str(folder))


def warm(base_model: BaseModelSettings) -> BaseModelSettings:
    return base_model.model_copy(update={"warm_start": "champion"})


def test_without_a_champion_its_strings_are_empty(workspace: Path, base_model: BaseModelSettings) -> None:
    outputs = resolve(RUN, "job-1", MD5, base_model, LINEAGE)
    assert outputs == Outputs(MD5, base_model.reference, base_models.digest(base_model.reference), "", "", "")


def test_the_run_is_open_and_tagged(workspace: Path, base_model: BaseModelSettings) -> None:
    resolve(RUN, "job-1", MD5, base_model, LINEAGE)
    run = connect().get_run(tracking.the_run("tiny", "job-1"))
    assert run.info.status == "RUNNING"
    expected = {
        "textgate.job_id": "job-1",
        "textgate.git_commit": "c0ffee",
        "mlflow.source.git.commit": "c0ffee",
        "textgate.seed": "1",
        "textgate.data_md5": MD5,
        "textgate.base_model": base_model.reference,
        "textgate.base_model_digest": base_models.digest(base_model.reference),
    }
    assert run.data.tags.items() >= expected.items()


def test_what_the_run_is_made_of_is_kept_with_it(workspace: Path, base_model: BaseModelSettings) -> None:
    files = {"settings.json": b"{}", "code.diff": b"a patch"}
    for _ in range(2):
        outputs = resolve(RUN, "job-1", MD5, base_model, LINEAGE, files)
    run_id = tracking.the_run("tiny", "job-1")
    assert {name: tracking.read_file(run_id, f"lineage/{name}") for name in files} == files
    kept = json.loads(tracking.read_file(run_id, "lineage/lineage.json") or b"")
    assert kept.items() >= {**LINEAGE, **outputs._asdict(), "running_code_digest": code_digest()}.items()
    assert tracking.run_tags(run_id).items() >= {f"textgate.{name}": value for name, value in kept.items()}.items()


def test_a_run_of_a_cluster_has_its_id_and_the_code_of_its_image(
    workspace: Path, base_model: BaseModelSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    resolve(RUN, "job-1", MD5, base_model, LINEAGE | {"cluster": "https://kfp", "code_digest": code_digest()})
    assert "other code" not in capsys.readouterr().out
    resolve(RUN, "job-2", MD5, base_model, LINEAGE | {"cluster": "", "code_digest": "0" * 64})
    assert "image was built of another commit" in capsys.readouterr().out
    tags = [tracking.run_tags(tracking.the_run("tiny", job)) for job in ("job-1", "job-2")]
    assert [one["textgate.kfp_run_id"] for one in tags] == ["job-1", ""]


def test_the_champion_is_the_head_of_the_log(
    workspace: Path, base_model: BaseModelSettings, register_version: Callable[..., Any]
) -> None:
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0)
    promote(RUN, first.version, "", why="first")
    registry.set_alias("tiny", registry.CHAMPION, second.version)
    outputs = resolve(RUN, "job-3", MD5, base_model, LINEAGE)
    assert (outputs.champion_version, outputs.champion_digest) == (first.version, first.digest)
    assert outputs.champion_data == DATA_MD5
    assert tracking.run_tags(tracking.the_run("tiny", "job-3"))["textgate.champion_version"] == first.version


def test_a_reproduction_has_the_champion_of_its_day(
    workspace: Path, base_model: BaseModelSettings, register_version: Callable[..., Any]
) -> None:
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0)
    promote(RUN, first.version, "", why="first")
    pinned = resolve(RUN, "job-3", MD5, base_model, LINEAGE)
    promote(RUN, second.version, first.version, why="second")
    original = tracking.the_run("tiny", "job-3")
    pins = {name: value for name, value in pinned._asdict().items() if name != "data_md5"}
    again = RUN.model_copy(update={"like": Reproduction(run_id=original, **pins)})
    assert resolve(again, "job-4", MD5, base_model, LINEAGE) == pinned
    assert resolve(RUN, "job-5", MD5, base_model, LINEAGE).champion_version == second.version
    assert tracking.run_tags(tracking.the_run("tiny", "job-4"))["textgate.reproduces"] == original
    assert "textgate.reproduces" not in tracking.run_tags(tracking.the_run("tiny", "job-5"))


def test_a_reproduction_from_another_base_model_or_champion_is_refused(
    workspace: Path, base_model: BaseModelSettings, register_version: Callable[..., Any]
) -> None:
    first = register_version("job-1")
    digest = base_models.digest(base_model.reference)
    pins = {"base_model": base_model.reference, "base_model_digest": digest, "champion_version": first.version}
    like = Reproduction(run_id="a" * 32, champion_digest="0" * 64, **pins)
    with pytest.raises(TextgateError, match="says that version 1 of tiny was champion with the bundle 000000000000"):
        resolve(RUN.model_copy(update={"like": like}), "job-2", MD5, base_model, LINEAGE)
    like = Reproduction(run_id="a" * 32, base_model=base_model.reference, base_model_digest="1" * 64)
    with pytest.raises(TextgateError, match=r"began from 111111111111; .* base_model\.reference"):
        resolve(RUN.model_copy(update={"like": like}), "job-3", MD5, base_model, LINEAGE)


def test_the_data_of_a_champion_is_also_that_of_versions_it_was_begun_from(
    workspace: Path, base_model: BaseModelSettings, register_version: Callable[..., Any]
) -> None:
    """Version 3 was begun from 2, and 2 from 1; a tag that leads in a circle ends the search."""
    versions = [register_version(f"job-{number}", temperature=number).version for number in (1, 2, 3)]
    hashes = [letter * 32 + ".dir" for letter in "abc"]
    for number, (version, md5) in enumerate(zip(versions, hashes, strict=True)):
        begun = {registry.BASE_MODEL: f"mlflow://tiny/{versions[number - 1]}"}
        registry.tag_version("tiny", version, {registry.DATA_MD5: md5, **begun})
    promote(RUN, versions[2], "", why="first")

    def found() -> list[str]:
        return resolve(RUN, "job-4", MD5, base_model, LINEAGE).champion_data.split()

    assert found() == [hashes[2], hashes[1], hashes[0]]
    registry.tag_version("tiny", versions[1], {registry.BASE_MODEL: str(base_model.reference)})
    assert found() == [hashes[2], hashes[1]]
    connect().delete_model_version("tiny", versions[1])
    assert found() == [hashes[2], UNKNOWN]


def test_a_champion_that_mlflow_does_not_have_is_refused_before_training(
    workspace: Path, base_model: BaseModelSettings, register_version: Callable[..., Any]
) -> None:
    first = register_version("job-1")
    promote(RUN, first.version, "", why="first")
    registry.tag_version("tiny", first.version, {registry.BUNDLE_DIGEST: "0" * 64})
    with pytest.raises(TextgateError, match="the promotion log says that version 1 of tiny is champion"):
        resolve(RUN, "job-2", MD5, base_model, LINEAGE)
    connect().delete_model_version("tiny", first.version)
    with pytest.raises(TextgateError, match=r"has no version 1 of tiny; check .* gate\.unusable_champion: warn"):
        resolve(RUN, "job-2", MD5, base_model, LINEAGE)


def test_without_its_champion_a_run_goes_on_where_the_config_says_so(
    workspace: Path, base_model: BaseModelSettings, register_version: Callable[..., Any]
) -> None:
    first = register_version("job-1")
    promote(RUN, first.version, "", why="first")
    connect().delete_model_version("tiny", first.version)
    going_on = RUN.model_copy(update={"unusable_champion": "warn"})
    outputs = resolve(going_on, "job-2", MD5, warm(base_model), LINEAGE)
    assert outputs[3:] == (first.version, first.digest, UNKNOWN)
    assert outputs.base_model == base_model.reference


def test_a_refused_base_model_leaves_a_run_to_close(workspace: Path, base_model: BaseModelSettings) -> None:
    (Path(base_model.reference) / "tokenizer.json").unlink()
    with pytest.raises(TextgateError, match=r"has no tokenizer\.json"):
        resolve(RUN, "job-1", MD5, base_model, LINEAGE)
    assert tracking.find_run("tiny", "job-1")


def test_a_base_model_on_s3_is_reached_as_the_settings_say(
    workspace: Path, base_model: BaseModelSettings, seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in Path(base_model.reference).iterdir():
        open_store(seaweed).create(path.name, path.read_bytes())
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    on_s3 = BaseModelSettings(reference=seaweed)
    run = RunStep(name="tiny", s3=S3Settings(endpoint=seaweed_server.endpoint))
    assert resolve(run, "job-1", MD5, on_s3, LINEAGE).base_model_digest == base_models.digest(base_model.reference)


def test_the_component_gives_strings(workspace: Path, base_model: BaseModelSettings) -> None:
    given = component.python_func(
        RUN.model_dump_json(), "job-1", MD5, base_model.model_dump_json(), json.dumps(LINEAGE), pack({"data.dvc": b""})
    )
    assert given == (MD5, base_model.reference, base_models.digest(base_model.reference), "", "", "")


def test_a_branch_of_a_hub_is_pinned_to_its_commit(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: name.encode() for name in base_models.REQUIRED}
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Hub({"org/name": one_commit(files)})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        outputs = resolve(RUN, "job-1", MD5, BaseModelSettings(reference="hf://org/name"), LINEAGE)
    assert outputs.base_model == f"hf://org/name@{commit_of(files)}"
    assert tracking.run_tags(tracking.the_run("tiny", "job-1"))["textgate.base_model"] == outputs.base_model


def test_warm_start_begins_from_the_checkpoint_of_the_champion(
    workspace: Path, base_model: BaseModelSettings, register_version: Callable[..., Any], tmp_path: Path
) -> None:
    first = register_version("job-1")
    register_version("job-2", temperature=3.0)
    promote(RUN, first.version, "", why="first")
    outputs = resolve(RUN, "job-3", MD5, warm(base_model), LINEAGE)
    expected = base_models.digest(str(tmp_path / "job-1" / "checkpoint" / "hf"))
    assert (outputs.base_model, outputs.base_model_digest) == ("mlflow://tiny/1", expected)
    assert base_models.digest(outputs.base_model) == expected
    tags = tracking.run_tags(tracking.the_run("tiny", "job-3"))
    assert (tags["textgate.base_model"], tags["textgate.base_model_digest"]) == ("mlflow://tiny/1", expected)
    assert resolve(RUN, "job-4", MD5, base_model, LINEAGE).base_model == base_model.reference


@pytest.mark.parametrize(
    ("champion", "why"), [(False, "there is no champion yet"), (True, "champion version 1 keeps no checkpoint")]
)
def test_warm_start_begins_from_the_reference_where_there_is_no_checkpoint(
    workspace: Path,
    base_model: BaseModelSettings,
    register_version: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    champion: bool,
    why: str,
) -> None:
    if champion:
        bare = RunStep(name="tiny", keep_checkpoint=False)
        promote(RUN, register_version("job-1", run=bare).version, "", why="first")
    outputs = resolve(RUN, "job-2", MD5, warm(base_model), LINEAGE)
    assert (outputs.base_model, outputs.base_model_digest) == (
        base_model.reference,
        base_models.digest(base_model.reference),
    )
    assert f"{why}; training begins from {base_model.reference}" in capsys.readouterr().out
