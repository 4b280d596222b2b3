"""A study: typed configuration, its cells, what each job is told, and checks before a run."""
