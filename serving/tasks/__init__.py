"""What differs between the tasks in what a model reads and what it answers: one module for each kind of answer."""

from __future__ import annotations

from serving.tasks.labels import SingleLabel, TextPair
from serving.tasks.sets import MultiLabel
from serving.tasks.tags import TokenTags
from serving.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (SingleLabel(), MultiLabel(), TextPair(), TokenTags())}
