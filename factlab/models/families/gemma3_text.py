"""Gemma 3, its text model: as Gemma 2, and a norm on each head's queries and keys."""

from factlab.models.families.family import Family, Gguf

FAMILY = Family(
    name="gemma3_text",
    tied=True,
    norms=4,
    head_norms=2,
    head_width=256,
    gguf=Gguf("gemma3"),
)
