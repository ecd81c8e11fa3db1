"""What an image holds, as a CycloneDX bill of materials: Python, its packages, and those of the system."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from packaging.utils import canonicalize_name

from components.base.errors import TextgateError
from pipelines.images.building import ROOT
from pipelines.images.engine import Engine

# Runs in the image, on what is there.
INVENTORY = """
import json, platform, subprocess
from importlib import metadata
fields = ("Name", "Version", "License-Expression", "License", "Summary")
packages = [
    {name: found.metadata[name] for name in fields}
    | {"Classifier": found.metadata.get_all("Classifier") or []}
    for found in metadata.distributions(path=[p for p in __import__("sys").path if "-packages" in p])
]
listed = ["dpkg-query", "-W", "-f", "${Package}\\t${Version}\\t${Architecture}\\n"]
print(json.dumps({
    "python": platform.python_version(),
    "packages": packages,
    "release": platform.freedesktop_os_release(),
    "system": subprocess.run(listed, check=True, capture_output=True, text=True).stdout,
}))
"""
LONGEST_NAME = 100  # some packages put the whole text of their licence into the field of its name


def bill(engine: Engine, target: str, tag: str) -> dict[str, Any]:
    """The document for an image of `target`, the same for the same image.

    Raises TextgateError where the image holds a package that the target's lock does not name.
    """
    options = ("--rm", "--network", "none", "--read-only", "--entrypoint", "python")
    held = json.loads(engine.run("run", *options, tag, "-c", INVENTORY))
    image = engine.inspect(tag, "{{.Id}}").removeprefix("sha256:")
    labels = json.loads(engine.inspect(tag, "{{json .Config.Labels}}")) or {}
    return document(target, tag, image, labels, held)


def document(target: str, tag: str, image: str, labels: dict[str, str], held: dict[str, Any]) -> dict[str, Any]:
    locked = locked_files(target)
    python = {
        "type": "platform",
        "bom-ref": "python",
        "name": "python",
        "version": held["python"],
        "purl": f"pkg:generic/python@{held['python']}",
    }
    packages = sorted((_package(found, locked, target) for found in held["packages"]), key=lambda one: one["bom-ref"])
    system = [_of_system(line.split("\t"), held["release"]) for line in sorted(held["system"].splitlines())]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'textgate/{target}/{image}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "textgate", "version": version("textgate")}]},
            "component": {
                "type": "container",
                "bom-ref": "image",
                "name": tag.rpartition(":")[0] if ":" in tag.rpartition("/")[2] else tag,
                "version": f"sha256:{image}",
                "properties": [{"name": name, "value": labels[name]} for name in sorted(labels)],
            },
        },
        "components": [python, *packages, *system],
    }


def locked_files(target: str) -> dict[tuple[str, str], list[str]]:
    """The hashes that the locks accept, by name and version."""
    files: dict[tuple[str, str], list[str]] = {}
    for lock in (ROOT / "infra" / "image" / f"{target}.lock", ROOT / "nodeps.lock"):
        for entry in re.split(r"\n(?=\S)", lock.read_text()):
            if found := re.match(r"([A-Za-z0-9_.-]+)==([^\s;]+)", entry):
                hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
                files.setdefault((canonicalize_name(found[1]), found[2]), []).extend(hashes)
    return files


def _package(found: dict[str, Any], locked: dict[tuple[str, str], list[str]], target: str) -> dict[str, Any]:
    name, number = canonicalize_name(found["Name"]), found["Version"]
    if (name, number) not in locked:
        raise TextgateError(
            f"the image holds {name} {number}, which infra/image/{target}.lock does not name;"
            " build it again from this checkout"
        )
    purl = f"pkg:pypi/{name}@{quote(number, safe='')}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": number,
        "purl": purl,
        **({"description": found["Summary"]} if found["Summary"] else {}),
        **({"licenses": licenses} if (licenses := _licenses(found)) else {}),
        "externalReferences": [
            {
                "type": "distribution",
                "url": purl,
                "comment": "the files that the lock accepts",
                "hashes": [{"alg": "SHA-256", "content": one} for one in locked[name, number]],
            }
        ],
    }


def _licenses(found: dict[str, Any]) -> list[dict[str, Any]]:
    if found["License-Expression"]:
        return [{"expression": found["License-Expression"]}]
    named = (found["License"] or "").strip()
    if named and named.upper() != "UNKNOWN" and "\n" not in named and len(named) <= LONGEST_NAME:
        return [{"license": {"name": named}}]
    classified = [one.rpartition(" :: ")[2] for one in found["Classifier"] if one.startswith("License ::")]
    return [{"license": {"name": name}} for name in sorted(set(classified))]


def _of_system(fields: list[str], release: dict[str, str]) -> dict[str, Any]:
    name, number, architecture = fields
    distribution, codename = release["ID"], release.get("VERSION_CODENAME", "")
    purl = f"pkg:deb/{distribution}/{quote(name, safe='')}@{quote(number, safe='')}?arch={architecture}"
    purl += f"&distro={codename}" if codename else ""
    return {"type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl}
