"""The pipe breaks."""
