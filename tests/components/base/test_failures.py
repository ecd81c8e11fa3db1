"""How a step's process ends."""

from __future__ import annotations

import subprocess
import sys


def test_a_step_ends_without_looking_through_what_it_imported() -> None:
    program = (
        "import atexit, gc\n"
        "from components.base.failures import reported\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000))\n"
        "with reported('gate'): print(gc.get_freeze_count())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]
