"""Files of the project: a type, a reader and a writer for each kind of file."""
