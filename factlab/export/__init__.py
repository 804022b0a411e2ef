"""A run's adapter as a model that other programs load: merged, or as GGUF."""
