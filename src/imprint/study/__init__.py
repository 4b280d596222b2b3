"""A study: typed configuration, its cells, the specification of each job, and checks before a run."""
