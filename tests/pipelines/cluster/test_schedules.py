"""`textgate schedule` and `textgate pipelines`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.pipelines.loopback_kfp import Fault, State

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def schedule(at_host: Typed) -> Typed:
    return lambda *arguments: at_host("schedule", "create", "--unchecked", "--cron", "0 3 * * 1", *arguments)


def test_a_schedule_runs_one_at_a_time_and_leaves_out_what_was_missed(schedule: Typed, kubeflow: State) -> None:
    status, out, err = schedule()
    assert (status, err) == (0, "") and "schedule tiny created: 0 0 3 * * 1" in out
    (made,) = kubeflow.schedules.values()
    assert (made.display_name, made.max_concurrency, made.no_catchup, made.mode) == ("tiny", "1", True, "ENABLE")
    assert made.trigger.cron_schedule.cron == "0 0 3 * * 1"
    parameters = made.runtime_config.parameters
    assert parameters["data_md5"] == "0123456789abcdef" * 2 + ".dir"
    assert json.loads(parameters["lineage"])["run_name"] == "tiny"
    assert kubeflow.experiments[made.experiment_id].display_name == "tiny"


def test_the_same_schedule_is_made_once(schedule: Typed, kubeflow: State) -> None:
    first, second = schedule()[1], schedule()[1]
    assert "unchanged" in second and first.splitlines()[1] == second.splitlines()[1]
    assert len(kubeflow.schedules) == len(kubeflow.versions) == 1


def test_another_schedule_of_that_name_takes_its_place_only_when_asked(schedule: Typed, kubeflow: State) -> None:
    schedule()
    (old,) = kubeflow.schedules
    status, _, err = schedule("--set", "training.seed=2")
    assert status == 1 and "--replace" in err and "--name" in err and old in err and list(kubeflow.schedules) == [old]
    kubeflow.schedules[old].status = "DISABLED"
    status, out, _ = schedule("--set", "training.seed=2", "--replace")
    (new,) = kubeflow.schedules.values()
    assert status == 0 and "replaced" in out and "it is paused" in out
    assert new.recurring_run_id != old and new.status == "DISABLED"
    calls = [call for call in kubeflow.requests if "recurringruns" in call and not call.startswith("GET")]
    assert calls[-2:] == ["POST /recurringruns", f"DELETE /recurringruns/{old}"]


def test_schedules_of_other_names_stand_beside_it(schedule: Typed, kubeflow: State) -> None:
    assert schedule()[0] == 0 and schedule("--name", "nightly")[0] == 0
    assert {one.display_name for one in kubeflow.schedules.values()} == {"tiny", "nightly"}


def test_an_answer_that_is_lost_makes_no_second_one(schedule: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault("POST /recurringruns$", "lost")]
    assert schedule()[0] == 0 and len(kubeflow.schedules) == 1 and not kubeflow.faults[0].times


def test_a_replacement_that_kubeflow_refuses_leaves_the_old_one(schedule: Typed, kubeflow: State) -> None:
    schedule()
    (old,) = kubeflow.schedules
    kubeflow.faults = [Fault("POST /recurringruns$", 400)]
    assert schedule("--set", "training.seed=2", "--replace")[0] == 1
    assert list(kubeflow.schedules) == [old] and kubeflow.schedules[old].status == "ENABLED"


def test_a_schedule_is_listed_paused_resumed_and_deleted(schedule: Typed, at_host: Typed, kubeflow: State) -> None:
    assert at_host("schedule", "list")[1] == "there are none\n"
    schedule()
    (made,) = kubeflow.schedules.values()
    (listed,) = json.loads(at_host("schedule", "list", "--json")[1])
    assert (listed["name"], listed["cron"], listed["state"]) == ("tiny", "0 0 3 * * 1", "enabled")
    assert at_host("schedule", "pause", "tiny")[1] == "schedule tiny is paused\n" and made.status == "DISABLED"
    assert at_host("schedule", "pause", "tiny")[1] == "schedule tiny is paused already\n"
    assert "disabled" in at_host("schedule", "list")[1]
    assert at_host("schedule", "resume", made.recurring_run_id)[0] == 0 and made.status == "ENABLED"
    assert at_host("schedule", "delete", "tiny")[0] == 0 and not kubeflow.schedules
    status, _, err = at_host("schedule", "delete", "tiny")
    assert status == 1 and "there is no schedule tiny" in err


@pytest.mark.parametrize("cron", ["", "3", "0 3 * *", "0 3 * * 1 2 3", "@daily", "@every 1h"])
def test_what_is_no_cron_expression_is_refused_before_anything_is_sent(
    at_host: Typed, kubeflow: State, cron: str
) -> None:
    status, _, err = at_host("schedule", "create", "--unchecked", "--cron", cron)
    assert status == 1 and "--cron takes five fields" in err and not kubeflow.requests


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("0 3 * * $x", "0-6 or SUN-SAT as its weekday"),
        ("61 * * * *", "0-59 as its minute"),
        ("0 24 * * *", "0-23 as its hour"),
        ("0 3 0 * *", "1-31 as its day of the month"),
        ("0 3 * 13 *", "1-12 or JAN-DEC as its month"),
        ("0 3 * * 8", "'8'"),
        ("0 3 * * 7", "'7'"),
        ("0 3 * MON *", "'MON'"),
        ("60 0 3 * * *", "0-59 as its second"),
        ("*/0 * * * *", "a step is a number from 1 on"),
        ("*/ * * * *", "a step is a number from 1 on"),
        ("30-10 * * * *", "30-10 ends before it begins"),
        ("0 1,,2 * * *", "not ''"),
        ("0 -1 * * *", "not ''"),
        ("0 3 30 2 *", "would never run"),
        ("0 3 31 4,JUN ?", "would never run"),
    ],
)
def test_a_field_beyond_its_bounds_is_refused_before_anything_is_sent(
    at_host: Typed, kubeflow: State, cron: str, says: str
) -> None:
    status, _, err = at_host("schedule", "create", "--unchecked", "--cron", cron)
    assert status == 1 and says in err and len(err.splitlines()) == 1 and not kubeflow.requests


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[31mb", "n" * 129])
def test_what_can_be_no_name_is_refused_before_anything_is_sent(schedule: Typed, kubeflow: State, name: str) -> None:
    status, _, err = schedule("--name", name)
    assert status == 1 and "--name takes 1 to 128 characters" in err and len(err.splitlines()) == 1
    assert not kubeflow.requests


@pytest.mark.parametrize(
    "cron", ["*/15 * * * *", "30 0 3 1,15 * ?", "0 3 * JAN-MAR mon-FRI", "5/10 8-18/2,22 29 2 *", "0 3 31 2 0"]
)
def test_cron_expressions_are_taken(at_host: Typed, kubeflow: State, cron: str) -> None:
    assert at_host("schedule", "create", "--unchecked", "--cron", cron)[0] == 0


def test_a_config_that_cannot_run_on_a_cluster_is_not_scheduled(schedule: Typed, kubeflow: State) -> None:
    status, _, err = schedule("--set", "promote.log=promotions")
    assert status == 1 and "promote.log" in err and not kubeflow.requests


def test_a_pipeline_is_uploaded_once(at_host: Typed, kubeflow: State) -> None:
    assert at_host("pipelines", "list")[1] == "there are none\n"
    status, first, err = at_host("pipelines", "upload")
    assert (status, err) == (0, "") and first.endswith(" uploaded\n")
    assert at_host("pipelines", "upload")[1].endswith(" was there already\n")
    (version,) = kubeflow.versions.values()
    assert len(version.display_name) == 16 and first.split()[:2] == ["textgate-finetune", version.display_name]
    listed = at_host("pipelines", "list")[1].splitlines()
    assert listed[1].split()[:2] == ["textgate-finetune", version.display_name]


def test_in_multi_user_mode_all_is_of_the_namespace(schedule: Typed, at_host: Typed, kubeflow: State) -> None:
    kubeflow.multi_user = True
    team = ("--namespace", "team-a")
    assert "name your namespace" in schedule()[2]
    assert schedule(*team)[0] == 0
    for command in (("schedule", "list"), ("runs",), ("pipelines", "list"), ("schedule", "delete", "tiny")):
        status, _, err = at_host(*command, *team)
        assert (status, err) == (0, "")
