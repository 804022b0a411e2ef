"""SmolLM3: every fourth block has no rotary positions."""

from factlab.models.families.family import Family

FAMILY = Family(name="smollm3", tied=True)
