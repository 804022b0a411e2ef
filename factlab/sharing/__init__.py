"""A finished run in the formats of other tools, and on the hub: recorded figures, no model."""
