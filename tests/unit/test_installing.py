"""What is prepared once per machine: what a killed lab left half made is removed, what another makes is not."""

import os
from pathlib import Path

from lab.runtime.local.parts import installing


def test_what_a_killed_lab_left_half_made_is_removed_and_what_another_is_making_is_not(
    tmp_path: Path,
) -> None:
    killed, busy = tmp_path / "making-old", tmp_path / "making-new"
    (killed / "cluster").mkdir(parents=True)
    busy.mkdir()
    os.utime(killed, (0, 0))
    with installing._staging(tmp_path) as staging:
        assert {path.name for path in tmp_path.iterdir()} == {busy.name, staging.name}
