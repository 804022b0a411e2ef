"""Finds a model's files, loads them at a precision, and renders its chat."""
