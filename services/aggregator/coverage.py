"""What was seen and heard, and in plain words what was not."""

from __future__ import annotations

from collections import defaultdict

from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import Coverage
from greenroom.v1.signals_pb2 import Accounting, FaceState, GestureState, VoiceState

from services.aggregator import reasons
from services.aggregator.spans import Stretch
from services.aggregator.state import SessionState

KINDS = (
    Kind.KIND_GATEWAY_VIDEO,
    Kind.KIND_GATEWAY_AUDIO,
    Kind.KIND_FACE,
    Kind.KIND_GESTURE,
    Kind.KIND_VOICE,
    Kind.KIND_ANSWERS,
)

LOST = "worker_lost"
"""The reason for what a worker held when it died."""

LEAST_SPEECH = 0.005
"""Share of speech below which nothing was heard: a click is no voice."""


def coverage(state: SessionState, whole: Stretch) -> list[Coverage]:
    """Of the interview alone: what was set up before, and paused, says nothing of it."""
    totals: dict[Kind.ValueType, Accounting] = defaultdict(Accounting)
    newest = dict(sorted(state.accounting))  # of each kind the last lease
    for (kind, lease), account in sorted(state.accounting.items()):
        total = totals[kind]
        total.received += account.received
        total.processed += account.processed
        total.final |= account.final
        if lease == newest[kind]:
            total.pending += account.pending
        elif account.pending:  # another worker has gone on: it was lost with the one that had it
            total.dropped[LOST] += account.pending
        for reason, count in account.dropped.items():
            total.dropped[reason] += count
    made = []
    for kind in KINDS:
        seen, share, note = _seen(state, whole, kind)
        made.append(
            Coverage(
                kind=kind, seen=seen, note=note, share=round(share, 4), accounting=totals.get(kind)
            )
        )
    return made


def _seen(state: SessionState, whole: Stretch, kind: Kind.ValueType) -> tuple[bool, float, str]:
    """(seen, share of what was analysed, a word for the candidate when something is missing)."""
    match kind:
        case Kind.KIND_FACE:
            states = [w.body for w in whole.inside(state.face) if isinstance(w.body, FaceState)]
            frames = sum(s.frames for s in states)
            share = sum(s.frames_with_face for s in states) / frames if frames else 0.0
            if not frames:
                return (
                    False,
                    0.0,
                    _sentence(reasons.no_picture(state), "nothing is said about your face"),
                )
            if not share:
                return False, 0.0, _sentence(reasons.NO_FACE, "nothing is said about it")
            return True, share, _face_note(state, whole)
        case Kind.KIND_GESTURE:
            gestures = [
                w.body for w in whole.inside(state.gesture) if isinstance(w.body, GestureState)
            ]
            if not gestures:
                return (
                    False,
                    0.0,
                    _sentence(reasons.no_picture(state), "nothing is said about your hands"),
                )
            share = sum(min(1.0, g.hands) for g in gestures) / len(gestures)
            note = "" if share else _sentence(reasons.NO_HANDS, "nothing is said about them")
            return share > 0, share, note
        case Kind.KIND_VOICE:
            voices = [w.body for w in whole.inside(state.voice) if isinstance(w.body, VoiceState)]
            if not voices:
                return (
                    False,
                    0.0,
                    _sentence(reasons.no_sound(state), "nothing is said about your voice"),
                )
            share = sum(v.speech for v in voices) / len(voices)
            if share > LEAST_SPEECH:
                return True, share, _voice_note(state)
            dead = all(v.digital_silence for v in voices)
            why = reasons.SILENT_MICROPHONE if dead else reasons.NO_VOICE
            return False, share, _sentence(why, "nothing is said about your voice")
        case Kind.KIND_ANSWERS:
            return bool(state.words), float(bool(state.words)), _words_note(state)
        case Kind.KIND_GATEWAY_VIDEO:
            return state.video_connected, float(state.video_connected), ""
        case _:
            return state.audio_connected, float(state.audio_connected), ""


def _sentence(why: str, then: str) -> str:
    return f"{why[0].upper()}{why[1:]}: {then}."


def _face_note(state: SessionState, whole: Stretch) -> str:
    events = whole.inside(state.events)
    lost = sum(event.type == "face_lost" for event in events)
    times = "once" if lost == 1 else f"{lost} times"
    notes = [f"Your face was out of view {times}."] if lost else []
    if any(event.type == "several_faces" for event in events):
        notes.append("A second face was in view for a while: figures may mix the two.")
    return " ".join(notes)


def _voice_note(state: SessionState) -> str:
    if any(event.type == "level" and event.detail == "automatic_gain" for event in state.events):
        return (
            "The browser's automatic gain evened your loudness out: nothing is said about how it "
            "varied."
        )
    return ""


def _words_note(state: SessionState) -> str:
    if not state.words:
        return "No words were understood: nothing is said about answers."
    missed = sum(segment.missed for segment in state.utterances.values())
    if missed:
        return "Some of what you said could not be put into words: the transcript has gaps."
    return ""
