"""A team's own files become tables: read, judged, split and written, and everything said that was done to the rows."""

from pipelines.data.importing.importing import Built as Built
from pipelines.data.importing.importing import Imported as Imported
from pipelines.data.importing.importing import import_files as import_files
