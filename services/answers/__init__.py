"""The answer's words: relevance, completeness, structure, fillers and repairs."""
