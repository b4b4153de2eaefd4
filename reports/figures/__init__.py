"""One figure a file: a claim in one sentence with its number, and a drawing. Each looks at a RunView alone."""
