"""Files of a run folder: written to a temporary file and renamed, read only if they are files; never through a link.

Every read error is one sentence that names the file and the next step.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

import orjson

from lab.model import LabError
from lab.record.codec import Damaged, plain, structured

T = TypeVar("T")
PART_BYTES = 1 << 20
# More than the largest run leaves: it has two million arrivals.
FILE_MAX_BYTES, LINE_MAX_BYTES = 1 << 30, 1 << 26


def write_bytes(path: Path, content: bytes) -> None:
    """Write the whole file or nothing. A link of that name is replaced; its target stays as it is."""
    if path.parent.is_symlink():
        raise LabError(f"{path.parent} is a symlink, but the lab writes only into real folders. Remove it.")
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        fresh.unlink()
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(content)
        fresh.replace(path)
    except OSError as exc:
        with suppress(OSError):
            fresh.unlink()
        step = (
            "Free some space, or make it writable." if path.parent.is_dir() else f"Make {path.parent} first."
        )
        raise LabError(f"Cannot write {path}: {exc.strerror}. {step}") from exc


def write_text(path: Path, text: str) -> None:
    """Half a surrogate pair, which JSON can carry and UTF-8 cannot, is written as JSON's escape."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_value(path: Path, value: Any) -> None:
    """`value` as indented JSON, the same bytes for the same value."""
    write_text(path, json.dumps(plain(value), indent=1, ensure_ascii=False) + "\n")


def appending(path: Path) -> IO[str]:
    """A file to append lines to, new or existing; a link is refused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    except OSError as exc:
        raise LabError(f"Cannot write {path}: {exc.strerror}. Make {path.parent} writable.") from exc
    return os.fdopen(descriptor, "w", encoding="utf-8")


def read_value(path: Path, into: type[T], twin: str = "") -> T:
    """The value that `path` holds; of `twin`, if it is given."""
    data = _json(path, read_bytes(path))
    return structured_from(path, of_twin(path, data, twin) if twin else data, into)


def read_values(path: Path, into: type[T], twin: str = "") -> list[T]:
    """One value per line, each of `twin`, if it is given; an incomplete last line, left by a kill, is ignored."""
    lines = read_json_lines(path)
    return [structured_from(path, of_twin(path, data, twin) if twin else data, into) for data in lines]


def read_json_lines(path: Path) -> Iterator[Any]:
    """One JSON value per line, one at a time: for files too long to keep in memory."""
    try:
        with reading(path) as file:
            while line := file.readline(LINE_MAX_BYTES):
                if line.endswith(b"\n"):
                    yield _json(path, line)
                elif len(line) == LINE_MAX_BYTES:
                    raise damaged(path, f"a line has more than {LINE_MAX_BYTES >> 20} MiB")
    except OSError as exc:
        raise unreadable(path, exc) from exc


def count_lines(path: Path) -> int:
    try:
        with reading(path) as file:
            return sum(part.count(b"\n") for part in iter(lambda: file.read(PART_BYTES), b""))
    except OSError as exc:
        raise unreadable(path, exc) from exc


def read_bytes(path: Path, most_bytes: int = FILE_MAX_BYTES) -> bytes:
    """The whole file. Raises LabError if it is larger than `most_bytes`."""
    try:
        with reading(path, most_bytes) as file:
            return file.read(most_bytes)
    except OSError as exc:
        raise unreadable(path, exc) from exc


def reading(path: Path, most_bytes: int | None = None) -> BinaryIO:
    """The file, to be read. Raises LabError for anything else: a pipe would keep us waiting, a device may have no end.

    Also for a file larger than `most_bytes`, if that is given; OSError if it cannot be opened, as through a link.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    if refusal := _refusal(path, os.fstat(descriptor), most_bytes):
        os.close(descriptor)
        raise refusal
    return os.fdopen(descriptor, "rb")


def _refusal(path: Path, found: os.stat_result, most_bytes: int | None) -> LabError | None:
    if not stat.S_ISREG(found.st_mode):
        return LabError(f"{path} is not a file. Move it away, and repeat the run.")
    if most_bytes is not None and found.st_size > most_bytes:
        return damaged(path, f"it has more than {most_bytes >> 20} MiB")
    return None


def unreadable(path: Path, why: OSError) -> LabError:
    if why.errno == errno.ELOOP:
        return linked(path)
    missing = isinstance(why, FileNotFoundError)
    step = "The run did not get that far; repeat it." if missing else "Check that you own the run."
    return LabError(f"Cannot read {path}: {why.strerror}. {step}")


def linked(path: Path) -> LabError:
    return LabError(f"{path} is a symlink, but the lab reads only real files. Put the file itself there.")


def damaged(path: Path, why: object) -> LabError:
    return LabError(f"{path} is damaged ({why}). Repeat the run.")


def structured_from(path: Path, data: Any, into: type[T]) -> T:
    """The value of class `into` in `data`, which `path` holds."""
    try:
        return structured(data, into)
    except Damaged as error:
        raise damaged(path, error) from error


def of_twin(path: Path, data: Any, twin: str) -> Any:
    """`data`, which `path` holds, without the name of its twin. Raises LabError if it is not `twin`."""
    if not isinstance(data, dict):
        raise damaged(path, f"{data!r:.80} is not an object")
    must_be_of(twin, data.get("twin"), path)
    return {name: value for name, value in data.items() if name != "twin"}


def must_be_of(twin: str, found: Any, path: Path) -> None:
    """Raises LabError if `path`, which says that it belongs to the twin `found`, does not belong to `twin`."""
    if found is None:
        raise damaged(path, "it does not say which twin it belongs to")
    if found != twin:
        raise LabError(
            f"{path} says that it belongs to the twin {found!r:.80}, not {twin!r}. Put each file back into its folder."
        )


def _json(path: Path, data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:  # or what orjson does not accept and json does, such as half a surrogate pair
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
