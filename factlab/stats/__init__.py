"""Intervals, paired tests and power, all by cluster; checked by simulation in the tests."""
