"""The expression head and the face's evaluations."""
