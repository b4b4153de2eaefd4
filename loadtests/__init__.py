"""Programs that run beside a twin: the load, the observer, the last read. They import nothing of the lab."""
