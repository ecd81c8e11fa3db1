"""The Kubeflow that KFP_HOST names, in the namespace KFP_NAMESPACE, with the token in TEXTGATE_KFP_TOKEN or the access
that the config KFP_CONFIG describes. What is made there is deleted again, but for an archived experiment.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kfp_server_api as api
import pytest
from kfp import compiler

from components.base.errors import TextgateError
from components.base.settings import ClusterSettings, load
from pipelines.cluster import Cluster
from pipelines.cluster.client import ANSWER_S
from pipelines.cluster.logs import find_step, read_log
from pipelines.cluster.runs import cancel, find_run, get_run, list_runs, retry
from pipelines.cluster.schedules import delete, list_schedules, switch
from pipelines.cluster.states import ENDED
from pipelines.cluster.submitting import find_experiment, how_it_runs
from pipelines.cluster.uploading import upload
from tests.pipelines.cluster.tiny_pipeline import tiny

pytestmark = pytest.mark.timeout(1200)
TOKEN = os.environ.get("TEXTGATE_KFP_TOKEN", "")
WAIT_S = 600


class Here:
    """The cluster, and a version of the pipeline in an experiment of this test's own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.file = cluster, folder / "tiny.yaml"
        compiler.Compiler().compile(tiny, str(self.file))
        self.experiment = find_experiment(cluster, f"textgate-test-{uuid.uuid4().hex[:8]}")
        self.version, _ = upload(cluster, self.file, "textgate-contract-test")

    def start(self, ends: str, sleeps: str) -> str:
        work = how_it_runs(self.cluster, self.version, {"ends": ends, "sleeps": sleeps})
        name = f"textgate-test-{uuid.uuid4().hex[:8]}"
        run = api.V2beta1Run(experiment_id=self.experiment, display_name=name, **work)
        return str(self.cluster.client.runs.run_service_create_run(run, _request_timeout=ANSWER_S).run_id)

    def wait(self, run_id: str, *states: str) -> Any:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            run = get_run(self.cluster, run_id)
            if run.state in states:
                return run
            assert run.state not in ENDED, f"the run ended {run.state}"
            time.sleep(3)
        raise AssertionError(f"the run is {run.state} after {WAIT_S} s")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    host = os.environ.get("KFP_HOST")
    if not host:
        pytest.skip("KFP_HOST names no Kubeflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTGATE_KFP_TOKEN", TOKEN)
        config = os.environ.get("KFP_CONFIG")
        settings = load(Path(config)).cluster if config else ClusterSettings()
        cluster = Cluster(settings, host, os.environ.get("KFP_NAMESPACE", ""))
        made = Here(cluster, tmp_path_factory.mktemp("kubeflow"))
        yield made
        for run in list_runs(cluster, 1000):
            if run.name.startswith("textgate-test-"):
                cluster.client.runs.run_service_delete_run(run.run_id, _request_timeout=ANSWER_S)
        cluster.client.experiments.experiment_service_archive_experiment(made.experiment, _request_timeout=ANSWER_S)


def test_the_same_file_is_uploaded_once(here: Here) -> None:
    version, uploaded = upload(here.cluster, here.file, "textgate-contract-test")
    assert not uploaded and version.pipeline_version_id == here.version.pipeline_version_id


def test_a_run_succeeds_and_its_log_is_read(here: Here) -> None:
    run_id = here.start("0", "0")
    run = here.wait(run_id, "SUCCEEDED")
    assert find_run(here.cluster, run_id[:13]).run_id == find_run(here.cluster, run.display_name).run_id == run_id
    assert "hello from a pod" in read_log(here.cluster, run, find_step(run, "fetch"))


def test_a_run_that_failed_is_tried_again(here: Here) -> None:
    run = here.wait(here.start("1", "0"), "FAILED")
    retry(here.cluster, run)
    here.wait(run.run_id, "PENDING", "RUNNING", "FAILED")


def test_a_run_is_cancelled(here: Here) -> None:
    run_id = here.start("0", "600")
    run = here.wait(run_id, "PENDING", "RUNNING")
    assert cancel(here.cluster, run) == ""
    here.wait(run_id, "CANCELED", "FAILED")


def test_a_schedule_is_made_paused_and_deleted(here: Here) -> None:
    name = f"textgate-test-{uuid.uuid4().hex[:8]}"
    made = here.cluster.client.recurring_runs.recurring_run_service_create_recurring_run(
        api.V2beta1RecurringRun(
            display_name=name,
            experiment_id=here.experiment,
            trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron="0 0 3 1 1 *")),
            mode="ENABLE",
            max_concurrency="1",
            no_catchup=True,
            **how_it_runs(here.cluster, here.version, {"ends": "0", "sleeps": "0"}),
        )
    )
    try:
        assert switch(here.cluster, made, on=False)
        (found,) = [one for one in list_schedules(here.cluster) if one.display_name == name]
        assert found.status == "DISABLED"
    finally:
        delete(here.cluster, made)


def test_what_is_not_there_is_told(here: Here) -> None:
    with pytest.raises(TextgateError, match="there is no run"):
        find_run(here.cluster, "textgate-test-nobody")
