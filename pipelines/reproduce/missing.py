"""What a run needs to be made again, and where what is missing could be had: all of it said before anything runs."""

from __future__ import annotations

from components.base import base_models, registry
from components.base.errors import TextgateError
from pipelines.data.remote import lacking_everywhere
from pipelines.lineage.recorded import RecordedRun
from pipelines.reproduce import code, environment
from pipelines.reproduce.like import Like, reproduction


def missing(wanted: Like, here: bool = True) -> list[str]:
    """One text for each thing; none where the run can be made again, on this machine if `here`."""
    run = wanted.recorded
    return [*_code(run), *(_environment(run) if here else []), *_data(wanted), *_base_model(wanted), *_champion(wanted)]


def _code(run: RecordedRun) -> list[str]:
    commit = code.commit_of(run)
    if not commit:
        return ["the code: the run was made outside of a git repository, and recorded no commit"]
    if not code.find_commit(commit):
        return [
            f"the code: neither this repository nor its remotes have the commit {commit}; where the run was made, git"
            f" keeps it, and `git push REMOTE refs/textgate/{commit}` there puts it into a remote"
        ]
    try:
        run.diff()
    except TextgateError as fault:
        return [f"the code: {fault}"]
    return []


def _data(wanted: Like) -> list[str]:
    md5 = wanted.recorded.tag("data_md5")
    lacking, said = lacking_everywhere(md5, wanted.settings)
    if not lacking:
        return []
    asked = "".join(f"\n    {url}: {answer}" for url, answer in said.items())
    return [
        f"the data: {lacking} of the version {md5} is in no place that could be asked:{asked}\n    `textgate data push`"
        " where the data is puts it into a remote; --set 'data.remotes=[...]' names another one"
    ]


def _base_model(wanted: Like) -> list[str]:
    pins = reproduction(wanted.recorded, wanted.settings)
    try:
        found = base_models.digest(pins.base_model, wanted.settings.s3)
    except TextgateError as error:
        fault = str(error)
    else:
        if found == pins.base_model_digest:
            return []
        fault = f"{pins.base_model} has the digest {found}"
    return [
        f"the base model of the digest {pins.base_model_digest}: {fault}\n    --set base_model.reference=... names"
        " where else it lies"
    ]


def _champion(wanted: Like) -> list[str]:
    run, pins = wanted.recorded, reproduction(wanted.recorded, wanted.settings)
    if not pins.champion_version or wanted.settings.gate.unusable_champion == "warn":
        return []
    try:
        registry.download_pinned(run.name, pins.champion_version, pins.champion_digest)
    except registry.UnusableVersion as fault:
        return [f"the champion that the run was compared with: {fault}; restore it in MLflow, from a backup of it"]
    return []


def _environment(run: RecordedRun) -> list[str]:
    if environment.interpreter(run):
        return []
    return [f"Python {run.params['versions.python']}: no such interpreter on the PATH; install it, with its venv"]
