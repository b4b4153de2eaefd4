"""Failure Lab: inject a real fault into a naive service and its hardened twin, and prove what held."""

__version__ = "0.1.0"
