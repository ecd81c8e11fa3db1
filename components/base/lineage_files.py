"""The files that say what a run was made of: their names in its folder of artifacts, and how they travel there."""

from __future__ import annotations

import base64
import io
import tarfile
import zlib
from collections.abc import Mapping

from components.base.errors import TextgateError

FOLDER = "lineage"
LINEAGE = "lineage.json"
SETTINGS = "settings.json"
ARGUMENTS = "arguments.json"
DATA_FILE = "data.dvc"
PIPELINE = "pipeline.yaml"
DIFF = "code.diff"


def pack(files: Mapping[str, bytes]) -> str:
    """One string for a parameter of the pipeline, of letters, digits, `+`, `/` and `=`; the same for the same files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return base64.b64encode(zlib.compress(archive.getvalue(), 9)).decode("ascii")


def unpack(packed: str) -> dict[str, bytes]:
    """Raises TextgateError where `pack` did not make it, or it was cut off on the way."""
    found = {}
    try:
        archive = io.BytesIO(zlib.decompress(base64.b64decode(packed, validate=True)))
        with tarfile.open(fileobj=archive) as tar:
            for member in tar:
                file = tar.extractfile(member)
                found[member.name] = file.read() if file else b""
    except (ValueError, zlib.error, tarfile.TarError) as error:
        raise TextgateError(f"the files of the run's lineage cannot be read ({error}); start the run again") from None
    return found
