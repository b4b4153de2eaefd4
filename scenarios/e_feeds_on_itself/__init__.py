"""It feeds on itself: a small failure takes down what was healthy."""
