"""Phi-3: queries, keys and values in one layer, gate and up in another."""

from factlab.models.families.family import Family

FAMILY = Family(name="phi3", fused=True, own_keys=True)
