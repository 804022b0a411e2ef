"""A finished cell → a model that other programs load, and what that model answers there.

The way in is `factlab.workflows.export.export`; everything else here is its work, in this order:

    formats       what a user may ask for, as in `--to merged,gguf:q8_0`
    plan          check the run, the cell and the destinations before anything is loaded
    questions     which of the run's questions the export answers
    merge         base + adapter → one plain model in fp32 (`base_weights` loads the base)
    write         a merged folder or a GGUF file (`gguf`, `vocabulary`), and its record
    score         answers of the export beside those of the measured model

What is stored and printed stands in `factlab.schema.export`.
"""

from factlab.export.formats import GGUF_TYPES, ExportFormat, read_formats

__all__ = ["GGUF_TYPES", "ExportFormat", "read_formats"]
