"""Gemma: the head is the embedding, and heads are wider than hidden / heads."""

from factlab.models.families.family import Family

FAMILY = Family(name="gemma", tied=True, head_width=256)
