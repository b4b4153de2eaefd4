"""The twins, what they share, and what they depend on. Nothing here imports the lab."""
