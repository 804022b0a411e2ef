"""The other jobs: a module named after its command, called by the command line and by scripts."""
