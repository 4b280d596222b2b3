"""`python -m imprint.cli` runs the command `imprint`."""

from imprint.cli import main

main()
