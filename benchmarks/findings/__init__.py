"""Published findings on knowledge injection, measured again: docs/experiments/."""
