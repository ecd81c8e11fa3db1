"""Parts of the test rows that are scored by themselves: those that are known beforehand, and the worst ones."""

from components.evaluate.slices.known import known_slices as known_slices
from components.evaluate.slices.slice import Slice as Slice
from components.evaluate.slices.worst import worst_slices as worst_slices
