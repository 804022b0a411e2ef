"""Gemma: the head is the embedding, heads are wide, norms multiply by 1 + their weight."""

from factlab.models.families.family import DecoderNames, Family

FAMILY = Family(name="gemma", decoder=DecoderNames(one_plus=True), tied=True, head_width=256)
