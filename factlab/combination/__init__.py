"""Several adapters combined into one: which combinations, and how they are made."""
