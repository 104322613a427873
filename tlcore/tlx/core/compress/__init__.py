"""Compression: the same classifier in fewer operations, as a run like any other."""
