"""The studio-booking product: its operations, and what the invariants know of its tables."""
