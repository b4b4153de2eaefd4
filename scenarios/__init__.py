"""The catalogue: one scenario a file, grouped in modules. What is here is found; there is no list to keep."""
