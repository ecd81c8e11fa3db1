"""Brings the data and the base model that a run is pinned to, by content hash; neither git nor DVC is needed."""

from __future__ import annotations

from pathlib import Path

from components.base import base_models
from components.base.dvc_remotes import fetch_tree
from components.base.dvc_tree import DIR_SUFFIX, is_tree_hash
from components.base.errors import TextgateError
from components.base.files import new_folder
from components.base.objects import open_store
from components.base.settings import FetchStep
from components.base.signals import unwinding_on_terminate


def fetch(
    data_md5: str, reference: str, base_model_digest: str, settings: FetchStep, tables: Path, base_model: Path
) -> None:
    """Fills `tables` with the files of the DVC tree `data_md5` and `base_model` with those that `reference` leads to.

    `data_md5` ends in `.dir`, as in a `.dvc` file. Each folder appears whole or not at all. Raises TextgateError when
    no remote holds an object's exact bytes, when the tree would write outside its folder, when the model's files do
    not have `base_model_digest`, or when the disk is full.
    """
    if not is_tree_hash(data_md5):
        raise TextgateError(
            f"{data_md5!r} is not the hash of a DVC folder; it should be 32 hex digits and {DIR_SUFFIX}"
        )
    remotes = [open_store(url, settings.s3) for url in settings.remotes]
    try:
        with unwinding_on_terminate():
            fetch_tree(data_md5, remotes, tables)
            with new_folder(base_model) as folder:
                base_models.copy(reference, base_model_digest, folder, settings.s3)
    except OSError as error:
        place = error.filename or tables.parent
        raise TextgateError(
            f"what was fetched cannot be written at {place}: {error.strerror or error};"
            " free space or give access there and run again"
        ) from error
