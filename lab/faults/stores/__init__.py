"""Faults of stores: what the lab's own sessions do to the database, and an end to those of the service."""
