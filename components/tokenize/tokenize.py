"""The step: tables and the base model's tokenizer.json, the very file that the bundle serves with, to encoded rows.

The rows of a split lie on a fixed grid, each cell of which becomes one Arrow record batch: shards take ranges of cells,
so that any number of them gives the same bytes, and memory holds a few cells whatever the size of the split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.base.ahead import ahead
from components.base.encoding import Encoder
from components.base.errors import TextgateError
from components.base.files import new_folder, read_json, sha256_file, write_json
from components.base.progress import Progress
from components.base.settings import SPLITS, TokenizeStep
from components.base.tables import SplitReader
from components.base.truncation import Truncation
from components.tokenize.rows import RowEncoder
from components.tokenize.stream import on_grid
from components.tokenize.tally import Measures, Tally, health

ENCODED_SPLITS = ("train", "validation")
CELL_ROWS = 2048
CULPRITS = 20
# Two, so that the library's threads have work while Python takes the ids out of what they gave.
WORKERS = 2


def tokenize(tables: Path, base_model: Path, settings: TokenizeStep, encoded: Path) -> None:
    """Writes train.arrow, validation.arrow (RowEncoder's schema), labels.json and health.json into `encoded`.

    Equal input, equal bytes. The test split is only measured: it is encoded where the bundle is evaluated. Raises
    TextgateError when the base model has no readable tokenizer.json, a split has no rows, a label is not in the
    config, or the tokenizer does not know more of the training data than options.max_unknown_share.
    """
    rows, digest = _row_encoder(base_model, settings)
    with new_folder(encoded) as folder:
        figures = {}
        for split in SPLITS:
            figures[split] = _judge(split, _encode(tables, settings, rows, split, folder, (0, 1)), settings)
        _report(folder, figures, settings, digest)


def tokenize_shard(tables: Path, base_model: Path, settings: TokenizeStep, number: int, part: Path) -> None:
    """Writes into `part` what merge needs of the shard `number` of options.shards. Raises as tokenize does."""
    rows, digest = _row_encoder(base_model, settings)
    with new_folder(part) as folder:
        for split in SPLITS:
            _encode(tables, settings, rows, split, folder, (number, settings.options.shards)).save(folder, split)
        write_json(folder / "part.json", {"number": number, "of": settings.options.shards, "tokenizer": digest})


def merge(parts: Sequence[Path], settings: TokenizeStep, encoded: Path) -> None:
    """Writes into `encoded` what tokenize would, from the shards' parts, in any order.

    Raises TextgateError when a part is missing or of another run, or for what tokenize would refuse in the whole.
    """
    known = {Path(part): read_json(Path(part) / "part.json") for part in parts}
    ordered = sorted(known, key=lambda part: int(known[part]["number"]))
    digest = known[ordered[0]]["tokenizer"] if ordered else ""
    wanted = [
        {"number": number, "of": settings.options.shards, "tokenizer": digest}
        for number in range(settings.options.shards)
    ]
    if [known[part] for part in ordered] != wanted:
        numbers = ", ".join(str(known[part]["number"]) for part in ordered) or "none"
        raise TextgateError(
            f"the parts of the {settings.options.shards} shards do not fit together: there are {numbers}; run tokenize"
            " again for all of them"
        )
    with new_folder(encoded) as folder:
        figures = {}
        for split in SPLITS:
            tally = Tally.empty(len(settings.data.labels))
            for part in ordered:
                tally.include(Tally.load(part, split))
            figures[split] = _judge(split, tally, settings)
            if split in ENCODED_SPLITS:
                _concatenate([part / f"{split}.arrow" for part in ordered], folder / f"{split}.arrow")
        _report(folder, figures, settings, digest)


def _row_encoder(base_model: Path, settings: TokenizeStep) -> tuple[RowEncoder, str]:
    path = base_model / "tokenizer.json"
    if not path.is_file():
        listing = ", ".join(sorted(file.name for file in base_model.glob("*"))) or "nothing"
        raise TextgateError(
            f"the base model has no tokenizer.json; its folder holds {listing}. Save a fast tokenizer"
            " beside the weights (AutoTokenizer.from_pretrained(...).save_pretrained(folder)) and name that folder"
            " in base_model.reference"
        )
    encoder = Encoder(path, Truncation.of(settings.options))
    return RowEncoder(encoder, settings.data, settings.options.max_unknown_share), sha256_file(path)


def _encode(
    tables: Path, settings: TokenizeStep, rows: RowEncoder, split: str, folder: Path, shard: tuple[int, int]
) -> Tally:
    """Encodes the cells of one shard, (number, of how many), and writes them where finetune needs the split."""
    reader = SplitReader(tables, split, settings.data)
    if not reader.num_rows:
        raise TextgateError(f"{reader.path.name} has no rows")
    cells = -(-reader.num_rows // CELL_ROWS)
    first, last = (cells * number // shard[1] for number in (shard[0], shard[0] + 1))
    here = min(last * CELL_ROWS, reader.num_rows) - first * CELL_ROWS
    progress, tally = Progress(f"tokenize {split}", here, "rows"), Tally.empty(len(settings.data.labels))

    def work(cell: tuple[int, pa.RecordBatch]) -> tuple[pa.RecordBatch, Measures]:
        number, batch = cell
        return rows.encode(batch, split, number * CELL_ROWS)

    with _writer(folder / f"{split}.arrow", rows.schema) if split in ENCODED_SPLITS else nullcontext() as writer:
        chosen = islice(enumerate(on_grid(reader.batches(CELL_ROWS), CELL_ROWS)), first, last)
        for batch, measures in ahead(work, chosen, WORKERS):
            if writer:
                writer.write_batch(batch)
            tally.add(measures)
            progress.advance(measures.totals["rows"])
    return tally


def _concatenate(parts: Sequence[Path], whole: Path) -> None:
    with pa.memory_map(str(parts[0])) as source:
        schema = pa.ipc.open_file(source).schema
    with _writer(whole, schema) as writer:
        for part in parts:
            with pa.memory_map(str(part)) as source, pa.ipc.open_file(source) as reader:
                for number in range(reader.num_record_batches):
                    writer.write_batch(reader.get_batch(number))


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[pa.ipc.RecordBatchFileWriter]:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        yield writer


def _judge(split: str, tally: Tally, settings: TokenizeStep) -> dict[str, Any]:
    """The split's health figures. Raises TextgateError where train has too much that the tokenizer does not know."""
    options = settings.options
    if split == "train" and tally.unknown_share > options.max_unknown_share:
        commonest = sorted(tally.culprits.items(), key=lambda item: (-item[1], item[0]))[:CULPRITS]
        named = ", ".join(f"{word[:40]!r} ({count})" for word, count in commonest)
        raise TextgateError(
            f"the base model's tokenizer does not know {tally.unknown_share:.1%} of the tokens in train, more than"
            f" tokenization.max_unknown_share {options.max_unknown_share:.1%}; the commonest that it does not know:"
            f" {named}. Take a base model of the texts' languages and scripts, mend the texts, or raise the limit"
        )
    return health(tally, settings.data.labels, options.max_length, options.truncation == "chunk")


def _report(folder: Path, figures: dict[str, Any], settings: TokenizeStep, digest: str) -> None:
    write_json(folder / "health.json", {**figures, "tokenizer": {"sha256": digest}})
    write_json(folder / "labels.json", settings.data.labels)
