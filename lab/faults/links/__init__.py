"""Faults of the path between two parts: what a proxy does to the bytes. One fault per file."""
