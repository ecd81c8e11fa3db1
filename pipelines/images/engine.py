"""Docker or Podman, by its command."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from components.base.errors import TextgateError

ENGINES = ("docker", "podman")
LAST_LINES = 15


@dataclass(frozen=True)
class Engine:
    name: str

    def run(self, *arguments: str) -> str:
        """What it prints. Raises TextgateError with what it says where it fails."""
        done = subprocess.run([self.name, *arguments], capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            said = _last_lines((done.stderr or done.stdout).splitlines())
            raise TextgateError(f"{self.name} {arguments[0]} failed with exit status {done.returncode}:\n{said}")
        return done.stdout

    def stream(self, *arguments: str, each: Callable[[str], None]) -> None:
        """Gives each line to `each` as it comes. Raises TextgateError with the last lines where it fails."""
        last: deque[str] = deque(maxlen=LAST_LINES)
        command = [self.name, *arguments]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                last.append(line.rstrip())
                each(line.rstrip())
        if process.returncode:
            raise TextgateError(
                f"{self.name} {arguments[0]} failed with exit status {process.returncode}; its last lines:\n"
                + _last_lines(last)
            )

    def has(self, image: str) -> bool:
        return not subprocess.run([self.name, "image", "inspect", image], capture_output=True, check=False).returncode

    def inspect(self, image: str, template: str) -> str:
        """A value of an image that is here. Raises TextgateError when it is not."""
        if not self.has(image):
            raise TextgateError(f"{self.name} has no image {image}; `{self.name} images` lists those that it has")
        return self.run("image", "inspect", "--format", template, image).strip()


def find_engine(name: str = "") -> Engine:
    """The one named, else the first that answers. Raises TextgateError where none does."""
    reasons = []
    for candidate in (name,) if name else ENGINES:
        if reason := _silent(candidate):
            reasons.append(f"{candidate}: {reason}")
        else:
            return Engine(candidate)
    raise TextgateError(f"no engine for images answers ({'; '.join(reasons)}); start or install Docker or Podman")


def _silent(name: str) -> str:
    """Why it does not answer, or nothing."""
    if not shutil.which(name):
        return "is not installed"
    try:
        done = subprocess.run([name, "info"], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "does not answer within a minute"
    said = done.stderr.strip().splitlines()
    return (said[-1] if said else f"exit status {done.returncode}") if done.returncode else ""


def _last_lines(lines: deque[str] | list[str]) -> str:
    return "\n".join(f"  {line}" for line in list(lines)[-LAST_LINES:] if line.strip())
