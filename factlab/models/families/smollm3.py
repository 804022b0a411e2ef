"""SmolLM3: Llama's blocks, a quarter of them without positions."""

from factlab.models.families.family import DecoderNames, Family

FAMILY = Family(name="smollm3", decoder=DecoderNames(rotated="no_rope_layers"), tied=True)
