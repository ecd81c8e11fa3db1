"""What can be known before a run is submitted to a cluster, asked in seconds."""

from pipelines.preflight.line import Line as Line
from pipelines.preflight.line import refuse as refuse
from pipelines.preflight.preflight import preflight as preflight
