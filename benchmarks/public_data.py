"""The public data sets that some tests and benchmarks use: none lies in the repository, DATA names where they are.

Each is a folder of that name in the folder DATA, with the files as they are in the repository that publishes them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from components.base.files import sha256_file

VARIABLE = "DATA"


class PublicSet(NamedTuple):
    """`source` names the public repository, its folder and its commit; `files` maps paths to sha256."""

    source: str
    files: dict[str, str]


SETS = {
    "banking77": PublicSet(
        "github.com/PolyAI-LDN/task-specific-datasets, banking_data/, commit 57ec275d (CC BY 4.0)",
        {
            "train.csv": "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
            "test.csv": "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
        },
    ),
    "snips_joint": PublicSet(
        "github.com/monologg/JointBERT, data/snips/, commit 00324f60 (CC0)",
        {
            "train/seq.in": "04ad1e3f2121d83c6478f9a4b17d2dbdc21d06d6127f73cb7af835ed733f9855",
            "train/seq.out": "fd5f2121d8055827e5d6b3d3bac30f3d7e94e82a5d437751960cbdd9e1b4f6d3",
            "train/label": "bfd7df6cf9dd76c5da5d8b61bc85f90386197bdd3d7510c1d324c051537b962f",
            "dev/seq.in": "64e0f6d8ad8aab3a3828164d7d53731a0993d3ca1aed437ceaca6d3d568d410e",
            "dev/seq.out": "712e6d34feb8d52d208b820a5f8bae6e6ff990f08374507dfde22de389088319",
            "dev/label": "9c1dd041216f647bcfca838aaf1a48eb5781e4404256d31ff07cd38a5436c52f",
            "test/seq.in": "c1e341173fcea2951a8ca371956a6f81c76de87b9583c62eb87edd6158fa3a7c",
            "test/seq.out": "58c07c9097d5e1f78889765c2a535a160f6455b90b3142055c8051847afcca47",
            "test/label": "37a26da3ad079bb41c42c85a3a8f827eb47efec4c5917ce5d08f4b2736e4f830",
        },
    ),
    "wnut17": PublicSet(
        "github.com/leondz/emerging_entities_17, commit e52a2d2a (CC BY 4.0)",
        {
            "wnut17train.conll": "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
            "emerging.dev.conll": "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
            "emerging.test.annotated": "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
        },
    ),
    "clinc150": PublicSet(
        "github.com/clinc/oos-eval, data/, commit 828f8093 (CC BY 3.0)",
        {"data_full.json": "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0"},
    ),
}


class Absent(Exception):
    """The set is not there; the message says where it comes from."""


def find(name: str) -> Path:
    """The folder of a set, whose files have their sha256. Raises Absent where it has not, or DATA names no folder."""
    chosen = SETS[name]
    wanted = f"{name} comes from {chosen.source}"
    if not os.environ.get(VARIABLE):
        raise Absent(f"{VARIABLE} names no folder of public data sets; {wanted}")
    folder = Path(os.environ[VARIABLE]) / name
    for file, digest in chosen.files.items():
        if not (folder / file).is_file():
            raise Absent(f"{folder / file} does not exist; {wanted}")
        if sha256_file(folder / file) != digest:
            raise Absent(f"{folder / file} has another sha256 than {digest}; {wanted}")
    return folder
