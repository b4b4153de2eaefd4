"""Pure decisions before a run: arrivals, switches of faults, the configurations of the programs beside a twin."""
