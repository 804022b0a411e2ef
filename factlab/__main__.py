"""`python -m factlab`: the command line."""

from factlab.cli import main

main()
