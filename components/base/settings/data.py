"""The data: which task its rows are for, how its columns are named, where its version and its objects lie."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from components.base.settings.section import Fraction, Section, Split, Text

Task = Literal["single-label", "multi-label", "text-pair", "token-tags"]
Handling = Literal["keep", "drop"]

# The columns of each task's rows by their role; those of a list of strings stand in LISTS.
ROLES: dict[Task, tuple[str, ...]] = {
    "single-label": ("id", "text", "label"),
    "multi-label": ("id", "text", "label"),
    "text-pair": ("id", "text", "text_pair", "label"),
    "token-tags": ("id", "tokens", "tags"),
}
LISTS: dict[Task, tuple[str, ...]] = {
    "single-label": (),
    "multi-label": ("label",),
    "text-pair": (),
    "token-tags": ("tokens", "tags"),
}


class Columns(Section):
    """The names that the columns have, in the files that are imported and in the tables made of them; by role.

    `keep` names further columns that the tables keep, as text: for slices, and to trace a row to where it came from.
    """

    id: Text = "id"
    text: Text = "text"
    text_pair: Text = "text_pair"
    label: Text = "label"
    tokens: Text = "tokens"
    tags: Text = "tags"
    keep: list[Text] = []


class DataSchema(Section):
    """What a step must know to read the tables; `labels` are the tags, O included, where the task is token-tags."""

    task: Task = "single-label"
    columns: Columns = Columns()
    labels: Annotated[list[Text], Field(min_length=2)]

    @property
    def roles(self) -> dict[str, str]:
        """The name of each column of the task, by role."""
        return {role: getattr(self.columns, role) for role in ROLES[self.task]}

    @model_validator(mode="after")
    def labels_differ(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must differ from one another")
        return self

    @model_validator(mode="after")
    def columns_differ(self) -> Self:
        names = [*self.roles.values(), *self.columns.keep]
        if len(set(names)) < len(names):
            raise ValueError(f"the columns must differ from one another, and are {', '.join(names)}")
        return self


class SplitSettings(Section):
    """How imported rows get their split.

    by share: groups of equal texts (of equal `entity` too, where that names a column) go together, so that `shares`
    hold for each label; where `time` names a column, the latest rows are the test split and those before them the
    validation split. by column: `column` holds the split, as one of its `values`. by files: the file's name without
    its endings matches one of the split's patterns in `files`. Where column or files give no validation (or no test)
    rows, its share is taken from train, as by share.
    """

    by: Literal["share", "column", "files"] = "share"
    shares: dict[Split, Fraction] = {"train": 0.8, "validation": 0.1, "test": 0.1}
    entity: str = ""
    time: str = ""
    column: Text = "split"
    values: dict[Split, list[str]] = {
        "train": ["train", "training"],
        "validation": ["validation", "valid", "val", "dev"],
        "test": ["test"],
    }
    files: dict[Split, list[str]] = {
        "train": ["train*", "*train"],
        "validation": ["validation*", "*validation", "valid*", "*valid", "val", "dev*", "*dev"],
        "test": ["test*", "*test"],
    }

    @model_validator(mode="after")
    def shares_fit(self) -> Self:
        if set(self.shares) != {"train", "validation", "test"} or abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError("shares must name train, validation and test, and sum to 1")
        if not all(self.shares.values()):
            raise ValueError("shares must be above 0: each split needs rows")
        return self


class SourceSettings(Section):
    """How files are read when they are imported; nothing here changes what a run does with the tables.

    `encoding` empty means UTF-8, or what a byte order mark says; `delimiter` empty is a comma, in .tsv files a tab.
    `quote` encloses fields that hold a delimiter or line end; empty where quotes are part of the text.
    `label_separator` parts the labels of a multi-label text column. `token_column` and `tag_column` count from 0 (or
    from the end, below 0) in CoNLL files. `rename_labels` maps labels as they stand to those that are meant.
    `bad_rows`: one row that cannot be read refuses the import, or is dropped and counted.
    `duplicates`: further copies of a text with the same label; `contradictions`: all copies of a text with different
    labels; `leaks`: train rows whose text stands in validation or test, and validation rows whose text stands in test.
    """

    encoding: str = ""
    delimiter: str = ""
    quote: Annotated[str, Field(max_length=1)] = '"'
    label_separator: str = ""
    token_column: int = 0
    tag_column: int = -1
    rename_labels: dict[str, Text] = {}
    bad_rows: Literal["refuse", "drop"] = "refuse"
    duplicates: Handling = "keep"
    contradictions: Handling = "keep"
    leaks: Handling = "keep"
    split: SplitSettings = SplitSettings()


class DataSettings(DataSchema):
    """`version` is the DVC file whose md5 names the data, beside the folder of the same name; `remotes` are tried in
    order."""

    version: str = "data.dvc"
    remotes: Annotated[list[str], Field(min_length=1)] = [".dvc/cache"]
    source: SourceSettings = SourceSettings()

    def for_steps(self) -> DataSchema:
        """Without what a step has no business with, and would run again for."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in DataSchema.model_fields}
        return DataSchema(**fields)
