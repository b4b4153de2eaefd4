"""Toxiproxy: its API, its server, and the embedded proxy that speaks the same API."""
