"""Every rule for compiled pipelines, on a file that breaks it; and what it says of a sound one."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.cluster.broken import BROKEN
from benchmarks.harness import Figure
from pipelines.compile import compile_pipeline
from pipelines.lint import RULES, find_faults, read
from pipelines.promotion.compiling import compile_promotion
from tests.pipelines.golden_files import EVERYTHING, settings_with


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used."""
    settings, seen = settings_with(EVERYTHING), []
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder:
        sound, objects, path = (Path(folder, name) for name in ("sound.yaml", "objects.yaml", "broken.yaml"))
        compile_pipeline(settings, sound)
        compile_promotion(settings, objects, manifests=True)
        for broken in BROKEN:
            broken.write(objects if broken.objects else sound, path)
            failing = [rule.name for rule in RULES if any(rule.find(read(path)))]
            seen += [broken.rule] if failing == [broken.rule] else []
        started = time.perf_counter()
        wrong = [*find_faults(read(sound)), *find_faults(read(objects))]
        seconds = time.perf_counter() - started
    rules, files = f"all {len(RULES)}", f"all {len(BROKEN)}"
    return [
        Figure("rules shown to fail on a broken file", len(set(seen)), "", rules, len(set(seen)) == len(RULES)),
        Figure("broken files refused by their rule, and by no other", len(seen), "", files, len(seen) == len(BROKEN)),
        Figure("faults found in sound files", len(wrong), "", "none", not wrong),
        Figure("lint of two files", seconds, "s"),
    ]
