"""Faults of the load: what clients do that nobody planned for. They are part of the schedule, alike for all twins."""
