"""Conversations to train on, read from the formats that people have them in."""
