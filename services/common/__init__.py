"""What both twins share, and what no scenario is about: authentication, problem documents, logs, metrics."""
