"""Strangers' text → plain values: sizes, depths and digits are bounded before any work is done."""
