"""The gesture head and the hands' evaluations."""
