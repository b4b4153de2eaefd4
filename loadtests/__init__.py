"""Programs that run beside a twin: the load, the observer, the final read. They import nothing from lab."""
