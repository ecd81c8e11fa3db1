"""A pipeline of one step that says how much it was given."""

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def take(lineage: str, lineage_files: str):
    print(f"took {len(lineage_files)}")


@dsl.pipeline(name="taking")
def taking(lineage: str, lineage_files: str):
    take(lineage=lineage, lineage_files=lineage_files)
