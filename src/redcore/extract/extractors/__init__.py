"""Extractors, one module per extractor; see `redcore.extract`."""
