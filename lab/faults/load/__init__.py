"""Faults of the load: what clients do that nobody planned for. Part of the schedule, and the same for all twins."""
