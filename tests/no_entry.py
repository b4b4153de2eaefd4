"""A folder that its user may not enter, as another user's home is: what asks about anything below it is refused."""

import os
from pathlib import Path

import pytest


def forbid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may enter every folder, so the system call itself has to refuse."""
    stat = os.stat

    def refusing(path: str | Path | int, **options: bool) -> os.stat_result:
        if not isinstance(path, int) and folder in Path(path).parents:
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refusing)
