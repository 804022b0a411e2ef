"""A statement → the draft of a fact file, by rules alone: `factlab init --statement`."""
