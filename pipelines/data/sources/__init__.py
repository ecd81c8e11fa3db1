"""Files of other people's data, read as a stream of rows that know where they stand."""

from pipelines.data.sources.encoding import Detected as Detected
from pipelines.data.sources.encoding import detect_encoding as detect_encoding
from pipelines.data.sources.files import Source as Source
from pipelines.data.sources.files import find_sources as find_sources
from pipelines.data.sources.reading import open_reader as open_reader
from pipelines.data.sources.records import Broken as Broken
from pipelines.data.sources.records import Reader as Reader
from pipelines.data.sources.records import Record as Record
