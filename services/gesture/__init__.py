"""The hands: where they are, how they move, what they show, what they touch."""
