"""Pure decisions before a run: arrivals, switching of faults, configurations of the programs beside a twin."""
