"""`python -m imprint.cli` is the command `imprint`."""

from imprint.cli import main

main()
