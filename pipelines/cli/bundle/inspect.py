"""`textgate bundle inspect`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.bundle import bundle_argument

if TYPE_CHECKING:
    from serving.bundle import Manifest

LABELS_SHOWN = 8
DIGITS = 12


@click.command("inspect")
@bundle_argument
def command(bundle: Path) -> None:
    """Show what the bundle at PATH is and what is in it, as its bundle.json says.

    No file is hashed: `textgate bundle verify` does that.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from serving.bundle import CANARY, digest, load_manifest, read_canary

    manifest = load_manifest(bundle)
    sizes = {name: (bundle / name).stat().st_size for name in manifest.files if (bundle / name).is_file()}
    examples = len(read_canary(bundle)) if CANARY in sizes else 0
    facts = {
        **_facts(manifest),
        "canary examples": str(examples),
        "size": f"{sum(sizes.values()) / 1e6:.1f} MB",
        "digest": digest(bundle),
    }
    console = Console(highlight=False, soft_wrap=True)
    for name, fact in facts.items():
        console.print(f"[bold]{name}[/] {escape(fact)}")
    table = Table("file", "bytes", "sha256", box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = "right"
    for name, sha256 in sorted(manifest.files.items()):
        table.add_row(escape(name), f"{sizes[name]:,}" if name in sizes else "[red]missing[/]", sha256[:DIGITS])
    console.print(table)


def _facts(manifest: Manifest) -> dict[str, str]:
    labels = manifest.labels
    more = f" and {len(labels) - LABELS_SHOWN} more" if len(labels) > LABELS_SHOWN else ""
    truncation = ", ".join(f"{name} {value}" for name, value in manifest.truncation.items() if name != "policy")
    facts = {
        "name": manifest.name,
        "task": manifest.task,
        "labels": f"{len(labels)}: {', '.join(labels[:LABELS_SHOWN])}{more}",
        "precision": manifest.precision,
        "truncation": f"{manifest.truncation['policy']} of {manifest.max_length} tokens"
        + (f", {truncation}" if truncation else ""),
        "temperature": f"{manifest.temperature:g}",
    }
    if manifest.thresholds:
        pairs = zip(labels[:LABELS_SHOWN], manifest.thresholds, strict=False)
        facts["thresholds"] = ", ".join(f"{label} {threshold:g}" for label, threshold in pairs) + more
    facts["abstain below"] = f"{manifest.abstain_below:g}"
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in sorted(manifest.versions.items())) or "none"
    return {**facts, "format": str(manifest.format)}
