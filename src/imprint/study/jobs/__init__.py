"""The bodies of the workflow's rules, one module per kind of file."""
