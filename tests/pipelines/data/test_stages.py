from __future__ import annotations

import io

from rich.console import Console

from pipelines.data.stages import Stages


def shown(terminal: bool) -> str:
    sink = io.StringIO()
    with Stages(Console(file=sink, force_terminal=terminal, width=80)) as stages:
        stages.begin("reading", 10)
        stages.at(5)
        stages.begin("writing", 4)
        stages.advance(4)
    return sink.getvalue()


def test_stages_show_on_a_terminal_and_nowhere_else() -> None:
    assert "writing" in shown(True) and "100%" in shown(True)
    assert not shown(False).strip()
