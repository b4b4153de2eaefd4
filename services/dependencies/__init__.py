"""The third parties that get slow."""
