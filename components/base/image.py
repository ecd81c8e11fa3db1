"""The image that every step runs in on a cluster."""

from __future__ import annotations

import os

IMAGE = os.environ.get("TEXTGATE_IMAGE", "textgate/pipeline-cpu:python3.12")
COMPONENT = {"base_image": IMAGE, "install_kfp_package": False}


def image_of(named: str) -> str:
    """The one that a config names, or else TEXTGATE_IMAGE."""
    return named or IMAGE
