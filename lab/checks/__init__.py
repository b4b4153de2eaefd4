"""Checks: each judges one twin from its evidence. SLOs look at phases, invariants at history and data."""
