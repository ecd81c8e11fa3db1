"""Uploads a compiled pipeline, once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import kfp_server_api as api

from pipelines.cluster.client import ANSWER_S, UPLOAD_S, Cluster, named
from pipelines.compile import version_of


def upload(cluster: Cluster, file: Path, pipeline: str) -> tuple[Any, bool]:
    """The version of the pipeline that holds this very file, and whether it had to be uploaded; its name is the file's
    digest."""
    pipelines, name = cluster.client.pipelines, version_of(file)
    where, doing = cluster.namespace, "take the pipeline"
    found, _ = cluster.find_or_create(
        doing,
        lambda: pipelines.pipeline_service_list_pipelines(namespace=where, **named(pipeline)).pipelines,
        lambda: pipelines.pipeline_service_create_pipeline(
            api.V2beta1Pipeline(name=pipeline, display_name=pipeline, namespace=where), _request_timeout=ANSWER_S
        ),
    )
    of = found.pipeline_id
    return cluster.find_or_create(
        doing,
        lambda: pipelines.pipeline_service_list_pipeline_versions(of, **named(name)).pipeline_versions,
        lambda: cluster.client.pipeline_uploads.upload_pipeline_version(
            str(file), name=name, pipelineid=of, _request_timeout=UPLOAD_S
        ),
    )


def list_versions(cluster: Cluster) -> Iterator[tuple[str, str, str]]:
    """Pipeline, version, and when it was uploaded; the newest of each pipeline first."""
    service, order = cluster.client.pipelines, "created_at desc"
    where = {"namespace": cluster.namespace} if cluster.namespace else {}
    doing = "list the pipelines"
    for pipeline in cluster.pages(doing, service.pipeline_service_list_pipelines, "pipelines", **where):
        of = partial(service.pipeline_service_list_pipeline_versions, pipeline.pipeline_id)
        for version in cluster.pages(doing, of, "pipeline_versions", sort_by=order):
            uploaded = version.created_at.isoformat(timespec="seconds") if version.created_at else ""
            yield pipeline.display_name, version.display_name, uploaded
