"""The twins, what they share, and what they depend on. They never import the lab."""
