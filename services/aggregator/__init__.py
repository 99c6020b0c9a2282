"""Fuses the session's signals into hints and the report."""
