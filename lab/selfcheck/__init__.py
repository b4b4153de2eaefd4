"""The checker checked: makes runs in which the right answer is known beforehand, and checks whether the lab finds it.

The cases are data, in the folder cases/: A/A runs, planted effects, mutants of the hardened twin, and sabotage.
"""
