"""Qwen3: a norm on each head's queries and keys."""

from factlab.models.families.family import Family

FAMILY = Family(name="qwen3", head_norms=2, head_width=128)
