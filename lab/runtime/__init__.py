"""Adapters of `lab.ports`: the local processes, Docker, Toxiproxy, and what keeps all of them from outliving a run."""
