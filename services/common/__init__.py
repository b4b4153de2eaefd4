"""What both twins share and no scenario is about: authentication, problem documents, logs, metrics."""
