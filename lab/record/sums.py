"""SHA256SUMS: a checksum of every file of evidence, in the format of sha256sum(1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from lab.model import LabError
from lab.record.files import linked, read_bytes, write_text

NAME = "SHA256SUMS"
# Derived from the evidence, so they can be recomputed.
DERIVED = frozenset({NAME, "verdict.json", "report.html", "summary.md", "junit.xml"})
DERIVED_FOLDERS = frozenset({"figures"})


def seal(folder: Path) -> None:
    """Write the checksums of all evidence in `folder`, which is complete from now on."""
    write_text(folder / NAME, "".join(f"{_sum(folder / name)}  {name}\n" for name in _evidence(folder)))


def verify(folder: Path) -> None:
    """Raises LabError, which names the file, if the evidence is not what it was when the run ended."""
    path = folder / NAME
    if not path.is_file():
        raise LabError(f"{folder} has no {NAME}: the run did not end, so it cannot be judged. Repeat it.")
    told = {}
    for line in read_bytes(path).decode(errors="replace").splitlines():
        of_file, _, name = line.partition("  ")
        if not name or ".." in Path(name).parts or Path(name).is_absolute():
            raise LabError(f"{path} is damaged. Repeat the run.")
        told[name] = of_file
    for name in dict.fromkeys((*told, *_evidence(folder))):
        file = folder / name
        if not file.is_file():
            raise LabError(f"{file} is missing. Repeat the run.")
        if file.is_symlink():
            raise linked(file)
        if name not in told:
            raise LabError(f"{file} was not there when the run ended. Move it away.")
        if _sum(file) != told[name]:
            raise LabError(f"{file} was changed after the run. Repeat the run.")


def _evidence(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if (
            path.is_file()
            and not hidden
            and str(name) not in DERIVED
            and name.parts[0] not in DERIVED_FOLDERS
        ):
            yield name.as_posix()


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
