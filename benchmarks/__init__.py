"""Side-by-side measurements of factlab and of what people would use instead."""
