"""Pure decisions after a run: statistics, proofs, gates, verdict, answer. No clock, no network, no randomness."""
