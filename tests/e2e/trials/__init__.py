"""Trial scenarios, one per file, for each new kind of fault and of part. test_trials.py runs them all."""
