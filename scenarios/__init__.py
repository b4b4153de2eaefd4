"""The catalogue: one scenario per file, grouped in modules. The lab finds what is here; there is no list to keep."""
