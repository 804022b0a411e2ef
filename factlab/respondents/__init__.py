"""Who is asked: the protocol that any model answers by, and the kinds of models behind it."""
