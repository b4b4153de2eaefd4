"""Faults of the load: what clients do that nobody expected. Part of the schedule, and the same for all twins."""
