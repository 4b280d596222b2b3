"""What the rules and scripts of the workflow need beside the library; nothing in it changes a result."""
