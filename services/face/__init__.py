"""The face: where it is, how the head is held, eyes, gaze and expression."""
