"""Fact × phrasing families → splits of questions, guarded against leakage."""
