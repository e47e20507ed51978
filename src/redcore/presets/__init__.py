"""Presets, one module each: ``METHOD``, a method's name, and ``SETTINGS``, what differs from its defaults."""
