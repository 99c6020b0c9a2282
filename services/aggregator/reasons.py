"""Why a thing was not seen, in words for the candidate."""

from greenroom.v1.common_pb2 import Kind

from services.aggregator.state import SessionState

NO_CAMERA = "the camera was not used"
NO_PICTURE_ANALYSED = "the picture was not analysed"
NO_FACE = "no face was seen"
NO_HANDS = "no hands were seen"
NO_VOICE = "no speech was heard"
NO_MICROPHONE = "the microphone was not used"
NO_SOUND_ANALYSED = "the sound was not analysed"
SILENT_MICROPHONE = "the microphone sent silence"
FEW_FRAMES = "the picture came with too few frames a second"
TOO_SHORT = "too short to say"
NO_TEXT = "no words were understood"
NOT_CALIBRATED = "the camera's direction was not yet known"
NO_QUESTION = "no question was asked"
NO_POINTS = "this question has no expected points"
NO_STORY = "this question does not ask for a story"
NO_PAUSE = "there was no pause over 250 ms"
NO_PRONOUN = "neither 'I' nor 'we' was said"
AUTOMATIC_GAIN = "the browser's automatic gain evens it out"

NOT_ANALYSED = (NO_PICTURE_ANALYSED, NO_SOUND_ANALYSED)
"""Nothing that the candidate could do better."""


def no_picture(state: SessionState) -> str:
    """Why no analyzer said anything of the picture."""
    return NO_PICTURE_ANALYSED if state.sent(Kind.KIND_GATEWAY_VIDEO) else NO_CAMERA


def no_sound(state: SessionState) -> str:
    """Why no analyzer said anything of the sound."""
    return NO_SOUND_ANALYSED if state.sent(Kind.KIND_GATEWAY_AUDIO) else NO_MICROPHONE
