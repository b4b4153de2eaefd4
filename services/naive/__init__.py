"""The naive twin: what a capable junior writes in good faith. It works, until something else does not."""
