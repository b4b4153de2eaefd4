"""Pure decisions: what is planned, which runs count, how they are judged. No clock, no network, no chance."""
