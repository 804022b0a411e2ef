"""Intervals for the rates that factlab reports."""
