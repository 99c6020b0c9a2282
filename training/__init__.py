"""Datasets, models, evaluation and promotion: how Greenroom's own weights come to be."""
