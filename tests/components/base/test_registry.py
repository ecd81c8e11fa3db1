from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from components.base import registry, tracking
from components.base.errors import TextgateError
from components.base.mlflow_client import connect, mlflow, uri
from components.base.registry import UnusableVersion
from serving import bundle as bundles
from tests.serving import tiny_tasks


@pytest.fixture
def bundle(tmp_path: Path, tiny: ModuleType) -> Path:
    tiny.write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def version(workspace: Path, bundle: Path) -> str:
    return store(bundle)


def store(bundle: Path, **tags: str) -> str:
    run_id = tracking.open_run("tiny", "job-1", {})
    return registry.create_version(
        "tiny", run_id, bundle, {registry.BUNDLE_DIGEST: bundles.digest(bundle), **tags}, "so"
    )


def stored_file(workspace: Path, name: str) -> Path:
    (found,) = (workspace / "mlartifacts" / "models").rglob(name)
    return found


def test_a_bundle_comes_back_as_it_went(workspace: Path, bundle: Path) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    version = store(bundle)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    fetched = registry.download_bundle("tiny", version)
    assert fetched == workspace / "cache" / "bundles" / bundles.digest(bundle)
    assert {name: (fetched / name).read_bytes() for name in before} == before


def test_mlflow_loads_the_version(version: str, tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri())
    model = mlflow.pyfunc.load_model(f"models:/tiny/{version}")
    texts = [text for text, _ in tiny.EXAMPLES]
    answer = model.predict(texts)
    assert answer["label"].tolist() == [label for _, label in tiny.EXAMPLES]
    assert model.predict(model.input_example)["label"].tolist() == [tiny.EXAMPLES[0][1]]
    assert model.metadata.signature.outputs.input_names() == ["label", "probability"]


@pytest.mark.parametrize("task", tiny_tasks.LABELS)
def test_mlflow_loads_each_task(task: str, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_tasks.write_bundle(tmp_path / "bundle", task)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri())
    model = mlflow.pyfunc.load_model(f"models:/tiny/{store(tmp_path / 'bundle')}")
    example = tiny_tasks.EXAMPLES[task][0]
    (answer,) = model.predict(model.input_example).to_dict("records")
    if task == "token-tags":
        found = [{**entity, "probability": 0} for entity in answer["entities"]]
        expected = sorted(
            ({**entity, "probability": 0} for entity in example["entities"]), key=lambda one: one["start"]
        )
        assert found == expected
    else:
        (key,) = {"label", "labels"} & set(example)
        assert sorted(answer[key]) == sorted(example[key])
    assert model.metadata.signature.outputs.input_names() == list(answer)


def test_a_version_is_found_by_its_digest(version: str, bundle: Path) -> None:
    assert registry.find_version("tiny", bundles.digest(bundle)) == version
    assert registry.find_version("tiny", "0" * 64) is None


def test_the_cache_is_used_until_it_is_damaged(version: str, workspace: Path) -> None:
    fetched = registry.download_bundle("tiny", version)
    inode = os.stat(fetched / "model.onnx").st_ino
    assert os.stat(registry.download_bundle("tiny", version) / "model.onnx").st_ino == inode
    (fetched / "model.onnx").write_bytes(b"torn")
    bundles.verify(registry.download_bundle("tiny", version))


def test_a_stored_file_that_was_changed_is_named(version: str, workspace: Path) -> None:
    stored_file(workspace, "model.onnx").write_bytes(b"other")
    with pytest.raises(UnusableVersion, match=f"version {version} of tiny .*damaged: .*model.onnx was changed"):
        registry.download_bundle("tiny", version)
    assert [path for path in (workspace / "cache" / "bundles").iterdir() if path.is_dir()] == []


def test_files_that_were_removed_are_named(version: str, workspace: Path) -> None:
    stored_file(workspace, "model.onnx").unlink()
    with pytest.raises(UnusableVersion, match=f"version {version} of tiny .*damaged: .*model.onnx"):
        registry.download_bundle("tiny", version)
    shutil.rmtree(stored_file(workspace, "bundle.json").parent)
    with pytest.raises(UnusableVersion, match=f"version {version} of tiny .* has no files any more"):
        registry.download_bundle("tiny", version)


def test_an_mlflow_that_does_not_answer_is_no_fault_of_the_version(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TextgateError, match="MLflow at http://127.0.0.1:9 failed to answer") as caught:
        registry.download_bundle("tiny", version)
    assert not isinstance(caught.value, UnusableVersion)


def test_a_version_that_has_another_bundle_than_was_pinned_is_refused(version: str, bundle: Path) -> None:
    assert registry.download_pinned("tiny", version, bundles.digest(bundle)) == registry.download_bundle(
        "tiny", version
    )
    with pytest.raises(UnusableVersion, match=f"version {version} of tiny is not the bundle that was pinned"):
        registry.download_pinned("tiny", version, "0" * 64)


def test_another_whole_bundle_in_its_place_is_refused(
    version: str, workspace: Path, tmp_path: Path, tiny: ModuleType
) -> None:
    tiny.write_bundle(tmp_path / "other", reversed_votes=True)
    folder = stored_file(workspace, "bundle.json").parent
    for path in (tmp_path / "other").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UnusableVersion, match="bundle digest is .*, and the version's tag says"):
        registry.download_bundle("tiny", version)


def test_several_at_once_fetch_one_bundle(version: str, workspace: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: registry.download_bundle("tiny", version), range(8)))
    (folder,) = folders
    bundles.verify(folder)
    assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]


def test_what_is_not_there_is_named(version: str) -> None:
    for name, number in (("tiny", "99"), ("tiny", "latest"), ("other", "1")):
        with pytest.raises(UnusableVersion, match=f"has no version {number} of {name}"):
            registry.download_bundle(name, number)


def test_a_version_that_somebody_else_registered_is_refused(version: str) -> None:
    connect().delete_model_version_tag("tiny", version, registry.BUNDLE_DIGEST)
    with pytest.raises(UnusableVersion, match="textgate did not register it"):
        registry.download_bundle("tiny", version)


def test_an_upload_that_fails_leaves_no_version(workspace: Path, bundle: Path) -> None:
    (bundle / "canary.json").write_text("[]")
    with pytest.raises(TextgateError, match=r"canary\.json must hold"):
        store(bundle)
    assert connect().search_model_versions("name = 'tiny'") == []
    experiment = connect().get_experiment_by_name("tiny")
    assert experiment
    (model,) = connect().search_logged_models([experiment.experiment_id])
    assert model.status == "FAILED"


def test_an_alias_is_dropped_only_from_its_version(version: str) -> None:
    registry.set_alias("tiny", registry.CHALLENGER, version)
    registry.drop_alias("tiny", registry.CHALLENGER, "99")
    assert registry.aliases("tiny") == {registry.CHALLENGER: version}
    registry.drop_alias("tiny", registry.CHALLENGER, version)
    assert registry.aliases("tiny") == {}
