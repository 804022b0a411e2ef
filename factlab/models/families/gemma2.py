"""Gemma 2: norms after attention and MLP too."""

from factlab.models.families.family import Family

FAMILY = Family(name="gemma2", tied=True, norms=4, head_width=256)
