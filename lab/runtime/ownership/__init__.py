"""What a run owns, on disk, and how it all ends, whoever is left to end it."""
