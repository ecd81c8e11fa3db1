"""The images, built for real on Debian's Python: what is in them, and what runs in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from components.base.files import canonical_json
from pipelines.images.building import ROOT, Built, build
from pipelines.images.engine import Engine
from pipelines.images.materials import bill
from tests.e2e.story import Story
from tests.images.podman import STAND_IN, make_stand_in, missing, podman, private_store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]
TARGETS = ["serving", "pipeline-cpu"]
LARGEST_SERVING = 450e6
NOT_THERE = ("gcc", "cc", "g++", "clang", "ld", "make", "pip", "pip3", "uv")
LOOK = f"""
import importlib.util, os, pathlib, shutil, sys
assert (os.getuid(), os.getgid()) == (10001, 0), (os.getuid(), os.getgid())
found = [name for name in {NOT_THERE} if shutil.which(name)]
assert not found, found
assert not importlib.util.find_spec("pip") and not importlib.util.find_spec("ensurepip")
try:
    pathlib.Path("/opt/textgate/x").write_text("")
except OSError:
    pass
else:
    sys.exit("the code can be written")
pathlib.Path(os.environ["HOME"], "x").write_text("")
code = pathlib.Path("/opt/textgate")
places = [code, *(pathlib.Path(path) for path in sys.path if path.startswith("/opt/venv"))]
sources = [file for place in places for file in place.rglob("*.py")]
bare = [file for file in sources if not pathlib.Path(importlib.util.cache_from_source(file)).exists()]
assert len(bare) < len(sources) / 50, bare
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("images")
    with private_store(folder / "store"):
        make_stand_in(folder)
        yield folder


@pytest.fixture(scope="module")
def engine(store: Path) -> Engine:
    return Engine("podman")


@pytest.fixture(scope="module")
def built(engine: Engine) -> dict[str, Built]:
    return {target: build(target, engine, base=STAND_IN) for target in TARGETS}


@pytest.fixture(scope="module")
def images(built: dict[str, Built]) -> dict[str, str]:
    """The tag of each target."""
    return {target: one.tag for target, one in built.items()}


@pytest.mark.parametrize("target", TARGETS)
def test_image_is_closed(images: dict[str, str], target: str) -> None:
    podman("run", "--rm", "--read-only", "--network", "none", images[target], "python", "-c", LOOK)


@pytest.mark.parametrize("target", TARGETS)
def test_labels_say_what_it_is(built: dict[str, Built], engine: Engine, target: str) -> None:
    labels = json.loads(engine.inspect(built[target].tag, "{{json .Config.Labels}}"))
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", built[target].commit)
    assert labels["org.opencontainers.image.revision"] == built[target].commit
    assert labels["org.opencontainers.image.title"].startswith("textgate")
    assert {f"org.opencontainers.image.{name}" for name in ("source", "version", "licenses")} <= labels.keys()
    assert engine.inspect(built[target].tag, "{{.Config.User}}") == "10001:0"


def test_serving_is_small(built: dict[str, Built]) -> None:
    size = built["serving"].over_base
    assert size and size <= LARGEST_SERVING


@pytest.mark.parametrize("target", TARGETS)
def test_bill_of_materials_is_valid_and_whole(images: dict[str, str], engine: Engine, target: str) -> None:
    document = bill(engine, target, images[target])
    assert not JsonStrictValidator(SchemaVersion.V1_6).validate_str(canonical_json(document))
    names = {component["name"] for component in document["components"]}
    assert {"python", "onnxruntime", "tokenizers", "libc6"} <= names
    assert ("tensorflow" in names) == (target == "pipeline-cpu")
    assert document == bill(engine, target, images[target])


@pytest.fixture(scope="module")
def story(images: dict[str, str], engine: Engine, store: Path, tiny_project: Path) -> Iterator[Story]:
    """The tiny project, where the image's user may write, and Podman's socket for kfp."""
    for path in [tiny_project, *tiny_project.rglob("*")]:
        path.chmod(0o775 if path.is_dir() else 0o664)
    (tiny_project / ".textgate").mkdir(mode=0o775)
    (tiny_project / ".textgate").chmod(0o775)
    for path in tiny_project.parents:  # pytest's folders are of root alone
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    socket = store / "podman.sock"
    with subprocess.Popen(["podman", "system", "service", "--time", "0", f"unix://{socket}"]) as service:
        try:
            while not socket.exists():
                assert service.poll() is None
                time.sleep(0.1)
            yield Story(tiny_project)
        finally:
            service.terminate()


def run_compiled(story: Story, engine: Engine, store: Path, name: str, *changes: str) -> tuple[int, str]:
    repository = "localhost/textgate/pipeline-cpu"
    digest = engine.inspect(f"{repository}:python3.12", "{{.Digest}}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.images.compiled", name, *changes],
        cwd=story.project,
        env=story.environment()
        | {
            "DOCKER_HOST": f"unix://{store}/podman.sock",
            "PYTHONPATH": str(ROOT),
            "TEXTGATE_IMAGE": f"{repository}@{digest}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_compiled_pipeline_runs_in_the_image(story: Story, engine: Engine, store: Path) -> None:
    status, said = run_compiled(story, engine, store, "whole")
    assert status == 0, said[-5000:]
    (entry,) = story.log()
    assert (entry["version"], entry["previous_version"]) == ("1", "")
    assert story.pinned()["digest"] == entry["bundle_digest"]
    assert str(story.mlflow().get_model_version_by_alias("tiny", "champion").version) == "1"


def test_step_that_fails_in_the_image_fails_the_run(story: Story, engine: Engine, store: Path) -> None:
    status, said = run_compiled(story, engine, store, "broken", f"data_md5={'0' * 32}.dir")
    assert status != 0
    assert "fetch" in said and "FAILURE" in said
    assert "Executing task 'tokenize'" not in said


def test_server_answers_in_the_image(images: dict[str, str], tiny: ModuleType, tmp_path: Path) -> None:
    """Without any network but its own loopback; who asks is a process beside it."""
    tiny.write_bundle(tmp_path / "bundle")
    for path in [*tmp_path.parents[:2], tmp_path]:
        path.chmod(path.stat().st_mode | 0o011)
    mounted = f"{tmp_path}/bundle:/mnt/models:ro"
    options = ("--detach", "--read-only", "--network", "none", "--cap-drop", "ALL", "--volume", mounted)
    container = podman("run", *options, images["serving"])
    ask = """
import json, time, urllib.request
deadline = time.monotonic() + 60
while True:
    try:
        urllib.request.urlopen("http://127.0.0.1:8080/v2/health/ready")
        break
    except OSError:
        assert time.monotonic() < deadline
        time.sleep(0.2)
body = {"inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": ["good", "bad"]}]}
asked = urllib.request.Request("http://127.0.0.1:8080/v2/models/tiny/infer", json.dumps(body).encode())
print(urllib.request.urlopen(asked).read().decode())
print(urllib.request.urlopen("http://127.0.0.1:8080/metrics").read().decode()[:200])
"""
    try:
        said = podman("exec", container, "python", "-c", ask)
    finally:
        logs = podman("logs", container)
        podman("rm", "--force", "--time", "5", container)
    answer = json.loads(said.splitlines()[0])
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert ["positive", "negative"] in outputs.values(), (outputs, logs)
