"""The hardened twin: what a senior reviewer would ask for. Same files, same functions: read the two side by side."""
