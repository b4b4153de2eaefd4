"""The hardened twin: what a senior reviewer would ask for. The same files and functions; read the two side by side."""
