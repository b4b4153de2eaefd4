"""Slow: one knob, no data loss."""
