"""Reads numbers, quantities, dates and names out of running text. Pure functions, no model."""
