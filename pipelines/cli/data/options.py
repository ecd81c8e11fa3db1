"""Options of the data commands, and how they are typed again in a command that a message names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from pipelines.cli.options import DEFAULT_CONFIG


def typed(config: Path, overrides: Sequence[str]) -> str:
    """The given options as one would type them, with a space before each; nothing for the default."""
    words = [] if config == DEFAULT_CONFIG else ["--config", str(config)]
    for override in overrides:
        words += ["--set", override]
    return "".join(f" {shlex.quote(word)}" for word in words)
