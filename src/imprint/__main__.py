"""`python -m imprint` runs the command `imprint`."""

from imprint.cli import main

main()
