"""Servers that come as wheels: where each one is, its version, or why there is none.

A program is found in its package's list of files, however that was installed; a variable may name another.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lab.model import LabError
from lab.runtime.programs import ended

VERSION_TIMEOUT_S = 10.0
VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A server that can be started here."""

    path: Path
    version: str


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A server's names: for people, of its file, of its package, and of the variable that names another."""

    name: str
    file: str
    package: str
    variable: str
    ask_version: str

    def find(self) -> Path:
        """Where the program is. Raises LabError, with the next step, if there is none."""
        if named := os.environ.get(self.variable):
            if not os.access(named, os.X_OK) or not Path(named).is_file():
                raise LabError(
                    f"{self.variable}={named} is not a program. Set it to the path of {self.file}, or unset it."
                )
            return Path(named).resolve()
        for path in self._packaged():
            if os.access(path, os.X_OK):
                return path.resolve()
        raise LabError(
            f"{self.name} is missing: no wheel of {self.package} for this platform. "
            f"Set {self.variable} to the path of {self.file}."
        )

    def installed(self) -> Program:
        """The program and its version. Raises LabError if it is missing or does not run."""
        path = self.find()
        try:
            asked = ended([str(path), self.ask_version], timeout_s=VERSION_TIMEOUT_S)
        except LabError as exc:
            raise LabError(f"{self.name} does not run: {exc} Set {self.variable} to another.") from exc
        version = VERSION.search(asked.stdout)
        if asked.code != 0 or version is None:
            raise LabError(f"{path} is not {self.name}: {asked.last_words[:200]!r}.")
        return Program(path=path, version=version.group())

    def _packaged(self) -> list[Path]:
        try:
            files = metadata.files(self.package) or []
        except metadata.PackageNotFoundError:
            return []
        return [Path(str(file.locate())) for file in files if file.name == self.file]
