"""The body of each rule of the workflow, a module for each kind of file."""
