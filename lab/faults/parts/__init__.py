"""Faults of parts: what a process or a container can suffer."""
