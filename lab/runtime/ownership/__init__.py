"""What a run owns, on disk, and how all of it is ended, even if the lab is dead."""
