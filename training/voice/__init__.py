"""The voice service's models and measurements: filled pauses, breaths, word times, accuracy."""
