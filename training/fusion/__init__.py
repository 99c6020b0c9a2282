"""The fusion: the delivery model, and what hints and reports get right."""
