"""One figure per file: a claim in one sentence with its number, and a drawing. Each sees only a RunView."""
