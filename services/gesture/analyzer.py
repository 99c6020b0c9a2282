"""Frames in, what the hands do out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from greenroom.v1.signals_pb2 import GestureEvent, GestureState, HandState

from services.gesture.hands import REMEMBER_US, Hand, HandTracker
from services.gesture.movement import HandMovement
from services.gesture.palms import PalmDetector
from services.gesture.shapes import ShapeHead, openness
from services.gesture.touch import FacePlace, touched
from services.runtime.analyzer import GAP_US, STATE_WINDOW_US, Observation
from services.runtime.media import MICROSECONDS, Frame

HOLD_MIN_US = 300_000
"""A shape or a touch that lasts this long is meant; shorter ones are passing through."""

FIDGET_CONFIDENCE = 0.9
"""Autocorrelation at which fidgeting is certain enough for a hint (the policy asks .85)."""

PERIOD_US, EARLY_US = 100_000, 8_000
"""Ten frames a second suffice to find fidgeting of up to 4.5 Hz and strokes of .1 s; two hands
cost 9 ms each time. A frame this early still counts as the next."""

HIDDEN_AFTER_US = 10 * MICROSECONDS
"""No hands in view for this long."""


@cache
def _palms() -> PalmDetector:
    return PalmDetector()


@cache
def _head() -> ShapeHead:
    return ShapeHead()


class _Held:
    """A named thing that holds on: a shape of a hand, a touch."""

    def __init__(self) -> None:
        self.name = ""
        self.start_us = 0
        self._sum = self._count = 0.0
        """Of the confidences since then."""

    def change(self, name: str, confidence: float, time_us: int) -> tuple[str, int, float] | None:
        """(name, start, mean confidence) of what held on until now, when it changes."""
        held = None
        if name != self.name:
            if self.name and time_us - self.start_us >= HOLD_MIN_US:
                held = (self.name, self.start_us, self._sum / self._count)
            self.name, self.start_us = name, time_us
            self._sum = self._count = 0.0
        self._sum += confidence
        self._count += 1
        return held


class _Window:
    """What one GestureState sums up."""

    def __init__(self, start_us: int) -> None:
        self.start_us = self.end_us = start_us
        self.counts: list[int] = []
        self.values: dict[str, list[float]] = {}
        self.hands: list[HandState] = []

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def observation(self) -> Observation:
        means = {name: float(np.mean(values)) for name, values in self.values.items()}
        confidence = means.pop("confidence", 1.0)
        state = GestureState(
            frames=len(self.counts), hands=float(np.mean(self.counts)), hand=self.hands, **means
        )
        return Observation(state, self.start_us, self.end_us, confidence)


class GestureAnalyzer:
    """One session's hands; see the proto's GestureState and GestureEvent for what it says."""

    def __init__(self) -> None:
        self._tracker = HandTracker(_palms())
        self._face = FacePlace()
        self._head = _head()
        self._window: _Window | None = None
        self._movements: dict[int, HandMovement] = {}
        self._seen_us: dict[int, int] = {}
        self._shapes: dict[int, _Held] = {}
        self._touch = _Held()
        self._empty_since_us: int | None = None
        self._size: tuple[int, ...] = ()
        """Of the last picture."""
        self._last_us: int | None = None
        self._due_us = 0

    def analyze(self, item: Frame) -> Iterable[Observation]:
        """See Analyzer.analyze. Frames that come faster than PERIOD_US are passed over."""
        time_us = item.capture_us
        if time_us < self._due_us - EARLY_US:
            return
        image = item.image  # first: one that can't be decoded leaves no trace
        self._due_us = max(self._due_us + PERIOD_US, time_us)
        if self._last_us is not None and time_us - self._last_us > GAP_US:
            yield from self._break_off(self._last_us)
        if image.shape != self._size:  # paths are in px
            self._size = image.shape
            self._movements.clear()
        yield from self._roll_window(time_us)
        assert self._window is not None
        window = self._window
        hands = self._tracker.track(image, time_us)
        self._last_us = window.end_us = time_us
        window.counts.append(len(hands))
        yield from self._presence(hands, time_us)
        yield from self._touches(hands, item)
        window.hands = []
        for hand in hands:
            shape, sure = self._head(hand.points)
            yield from self._hand(hand, shape, sure, time_us)
            window.hands.append(_state(hand, shape, item))
        yield from self._forget({hand.track for hand in hands}, time_us)

    def finish(self) -> Iterable[Observation]:
        """See Analyzer.finish."""
        if self._last_us is not None:
            yield from self._break_off(self._last_us)

    # --- frames

    def _break_off(self, last_us: int) -> Iterator[Observation]:
        """After the frame at last_us nothing was seen for long, or nothing will be."""
        yield from self._presence([], last_us, closing=True)
        if held := self._touch.change("", 1.0, last_us):
            yield self._event(GestureEvent.SELF_TOUCH, held, 0)
        yield from self._forget(set(), last_us)
        self._movements.clear()
        if self._window is not None and self._window.counts:
            yield self._window.observation()
        self._window = None

    def _roll_window(self, time_us: int) -> Iterator[Observation]:
        if self._window is not None and time_us - self._window.start_us >= STATE_WINDOW_US:
            yield self._window.observation()
            self._window = None
        if self._window is None:
            self._window = _Window(time_us)

    def _presence(
        self, hands: list[Hand], time_us: int, *, closing: bool = False
    ) -> Iterator[Observation]:
        if not hands and self._empty_since_us is None and not closing:
            self._empty_since_us = time_us
        if (hands or closing) and self._empty_since_us is not None:
            start, self._empty_since_us = self._empty_since_us, None
            if time_us - start >= HIDDEN_AFTER_US:
                yield Observation(GestureEvent(type=GestureEvent.HANDS_HIDDEN), start, time_us, 1.0)

    def _touches(self, hands: list[Hand], item: Frame) -> Iterator[Observation]:
        assert self._window is not None
        face = self._face.look(item.image, item.capture_us, hands)
        touch = ""
        if face is not None:  # else a touch is over with the face
            touch = next((where for hand in hands if (where := touched(hand, face))), "")
            self._window.add("self_touch", float(bool(touch)))
        sure = max((hand.presence for hand in hands), default=1.0)
        if held := self._touch.change(touch, sure, item.capture_us):
            yield self._event(GestureEvent.SELF_TOUCH, held, 0)

    def _hand(self, hand: Hand, shape: str, sure: float, time_us: int) -> Iterator[Observation]:
        assert self._window is not None
        window = self._window
        movement = self._movements.setdefault(hand.track, HandMovement())
        stroke, fidget = movement.add(hand.palm, hand.size, time_us)
        window.add("confidence", hand.presence)
        window.add("movement", movement.speed)
        window.add("openness", openness(hand.world))
        window.add("pointing", float(shape == "pointing"))
        yield from self._shape(hand.track, shape, hand.presence * sure, time_us)
        if stroke:
            event = GestureEvent(type=GestureEvent.STROKE, track=hand.track)
            yield Observation(event, stroke.start_us, stroke.end_us, hand.presence)
        if fidget:
            event = GestureEvent(type=GestureEvent.FIDGET, rate_hz=fidget.rate_hz, track=hand.track)
            steady = min(1.0, fidget.strength / FIDGET_CONFIDENCE)
            yield Observation(event, fidget.start_us, fidget.end_us, steady * hand.presence)

    def _shape(
        self, track: int, shape: str, presence: float, time_us: int
    ) -> Iterator[Observation]:
        name = "" if shape == "none" else shape
        held = self._shapes.setdefault(track, _Held()).change(name, presence, time_us)
        if held:
            kind = GestureEvent.POINTING if held[0] == "pointing" else GestureEvent.NAMED
            yield self._event(kind, held, track)

    def _event(
        self, kind: GestureEvent.Type.ValueType, held: tuple[str, int, float], track: int
    ) -> Observation:
        assert self._last_us is not None
        name, start_us, confidence = held
        event = GestureEvent(type=kind, detail=name, track=track)
        return Observation(event, start_us, self._last_us, confidence)

    def _forget(self, seen: set[int], time_us: int) -> Iterator[Observation]:
        """Hands that left: what they showed ends at once, their paths when they stay away."""
        for track in self._shapes.keys() - seen:
            yield from self._shape(track, "", 1.0, time_us)
            self._shapes.pop(track)
        self._seen_us.update(dict.fromkeys(seen, time_us))
        for track in [t for t, at_us in self._seen_us.items() if time_us - at_us > REMEMBER_US]:
            self._seen_us.pop(track)
            self._movements.pop(track, None)


def _state(hand: Hand, shape: str, item: Frame) -> HandState:
    height, width = item.image.shape[:2]
    return HandState(
        track=hand.track,
        handedness="right" if hand.right else "left",
        x=float(hand.palm[0]) / width,
        y=float(hand.palm[1]) / height,
        size=hand.size / width,
        gesture=shape,
        confidence=hand.presence,
    )
