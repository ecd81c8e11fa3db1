"""The champion that resolve pinned: its bundle, and the texts that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.base.settings import EvaluateStep
from components.base.text import Hashes
from components.evaluate.lineage import trained_texts


@dataclass(frozen=True)
class Champion:
    """`bundle` is a local folder, None where a `problem` keeps the champion from being scored.

    `texts` are those of lineage.trained_texts; None where they are not known, and `unknown` says why.
    """

    version: str
    digest: str
    bundle: Path | None
    problem: str = ""
    texts: Hashes | None = None
    unknown: str = ""


def load_champion(
    version: str, digest: str, champion_data: str, data_md5: str, settings: EvaluateStep
) -> Champion | None:
    """Strings as resolve gives them; None where there is no champion yet.

    Raises TextgateError where MLflow or a remote does not answer: an evaluation is cached, and must not remember that.
    """
    if not version:
        return None
    from components.base.registry import UnusableVersion, download_pinned

    try:
        bundle = download_pinned(settings.name, version, digest)
    except UnusableVersion as problem:
        return Champion(version, digest, None, str(problem))
    texts, unknown = trained_texts(champion_data, data_md5, settings)
    return Champion(version, digest, bundle, texts=texts, unknown=unknown)
