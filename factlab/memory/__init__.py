"""What a model needs, counted from its config alone: parameters, and bytes by part. No torch."""
