"""Adapters of `lab.ports`: local processes, Docker, Toxiproxy, and what keeps them from outliving a run."""
