"""Graded answers and likelihoods become one value per question, and those become metrics."""
