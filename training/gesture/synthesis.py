"""Hands of known shape: real palms whose fingers are bent by drawn angles, seen from all sides.

The videos hold few fists, thumbs and victory signs. A shape is what its fingers do, and that
can be drawn: each finger is stretched, half bent or curled, and the label follows.
"""

from __future__ import annotations

import math

import numpy as np

from services.gesture.shapes import FINGERS
from services.runtime.media import Floats

FOUR = ("index", "middle", "ring", "pinky")
STRETCHED, HALF, CURLED = "stretched", "half", "curled"

BENDS_DEG = {
    STRETCHED: ((-12, 22), (0, 22), (0, 14)),
    HALF: ((5, 60), (25, 70), (10, 45)),
    CURLED: ((45, 92), (72, 112), (35, 80)),
}
"""Ranges at the root, the middle and the last joint of a finger."""

SHAPES_OF_FINGERS: tuple[tuple[str, tuple[str, ...], str, float], ...] = (
    ("open_palm", (STRETCHED,) * 4, "out", 0.14),
    ("none", (STRETCHED,) * 4, "folded", 0.05),  # four fingers
    ("fist", (CURLED,) * 4, "folded", 0.14),
    ("thumb", (CURLED,) * 4, "out", 0.22),
    ("pointing", (STRETCHED, CURLED, CURLED, CURLED), "folded", 0.13),
    ("victory", (STRETCHED, STRETCHED, CURLED, CURLED), "folded", 0.09),
    ("none", (STRETCHED, CURLED, CURLED, STRETCHED), "any", 0.04),  # horns
    ("none", (CURLED, CURLED, CURLED, STRETCHED), "any", 0.04),  # the little finger, call
    ("none", (STRETCHED, STRETCHED, STRETCHED, CURLED), "any", 0.03),  # three
    ("none", (HALF, HALF, HALF, HALF), "any", 0.07),  # at rest
    ("none", ("any",) * 4, "any", 0.05),
)
"""(label, index to pinky, thumb, share)."""

KNOWN = {fingers: label for label, fingers, _, _ in SHAPES_OF_FINGERS if "any" not in fingers}

THUMB_DEG = 40.0
"""A thumb within this of the picture's up or down points there ..."""
SIDEWAYS_DEG = 60.0
"""... and beyond this of both it is none; what lies between is left out."""

TILT_DEG = 50.0
"""How far the palm is turned out of the picture's plane."""

NOISE = 0.025
"""Of the hand's size: as far as the tracker's points are off."""


def draw(palms: Floats, random: np.random.Generator) -> tuple[Floats, str] | None:
    """([21, 2], label) of a hand drawn on one of the palms [n, 21, 3]; None for one between
    two shapes."""
    shares = np.array([share for *_, share in SHAPES_OF_FINGERS])
    label, fingers, thumb, _ = SHAPES_OF_FINGERS[
        random.choice(len(shares), p=shares / shares.sum())
    ]
    states = tuple(
        str(random.choice([STRETCHED, HALF, CURLED])) if state == "any" else state
        for state in fingers
    )
    if "any" in fingers and states in KNOWN:
        return None
    out = thumb == "out" or (thumb == "any" and random.random() < 0.5)
    hand = pose(palms[random.integers(len(palms))], states, out=out, random=random)
    seen = _project(hand, random)
    if label == "thumb":
        found = _thumb_label(seen)
        if found is None:
            return None
        label = found
    size = float(np.ptp(seen, axis=0).max())
    return (seen + random.normal(0, NOISE * random.random() * size, seen.shape)), label


def pose(
    palm: Floats, states: tuple[str, ...], *, out: bool, random: np.random.Generator
) -> Floats:
    """[21, 3] the palm's bones with each finger bent as its state says."""
    hand = palm - palm[0]
    across = hand[5] - hand[17]
    normal = np.cross(hand[9], across)
    normal /= np.linalg.norm(normal)  # out of the palm or of its back: see _towards_palm
    inward = normal * _towards_palm(hand, normal)
    posed = hand.copy()
    spread = random.uniform(-0.4, 1.2)
    for name, state in zip(FOUR, states, strict=True):
        _bend(posed, hand, name, state, inward, spread, random)
    if not out:
        _fold_thumb(posed, hand, inward, random)
    return posed


def _towards_palm(hand: Floats, normal: Floats) -> float:
    """1 or -1: to which side fingers and thumb bend; real hands bend a little."""
    tips = hand[[8, 12, 16, 20]] - hand[[5, 9, 13, 17]]
    return 1.0 if float((tips @ normal).sum()) >= 0 else -1.0


def _bend(
    posed: Floats,
    hand: Floats,
    name: str,
    state: str,
    inward: Floats,
    spread: float,
    random: np.random.Generator,
) -> None:
    joints = FINGERS[name]
    ahead = hand[9] / np.linalg.norm(hand[9])
    own = hand[joints[0]] / np.linalg.norm(hand[joints[0]])
    forward = ahead + spread * (own - ahead)
    forward -= inward * (forward @ inward)
    forward /= np.linalg.norm(forward)
    angle = 0.0
    for before, joint, (low, high) in zip(joints, joints[1:], BENDS_DEG[state], strict=False):
        angle += math.radians(random.uniform(low, high))
        length = np.linalg.norm(hand[joint] - hand[before])
        posed[joint] = posed[before] + length * (
            math.cos(angle) * forward + math.sin(angle) * inward
        )


def _fold_thumb(posed: Floats, hand: Floats, inward: Floats, random: np.random.Generator) -> None:
    """Across the palm or the curled fingers, its tip between index and ring finger."""
    target = posed[random.choice([6, 10, 14])] + inward * random.uniform(0.1, 0.5) * np.linalg.norm(
        hand[4] - hand[3]
    )
    for before, joint in ((2, 3), (3, 4)):
        length = np.linalg.norm(hand[joint] - hand[before])
        way = target - posed[before]
        posed[joint] = posed[before] + length * way / max(float(np.linalg.norm(way)), 1e-6)


def _project(hand: Floats, random: np.random.Generator) -> Floats:
    """[21, 2]: turned in space, mirrored half of the time, seen from near by."""
    tilt, turn = np.radians(random.uniform(-TILT_DEG, TILT_DEG, 2))
    roll = random.uniform(-math.pi, math.pi)
    upright = _about(hand)
    seen = upright @ _rotation(0, tilt).T @ _rotation(1, turn).T @ _rotation(2, roll).T
    if random.random() < 0.5:
        seen = seen * [-1, 1, 1]
    nearness = random.uniform(0.0, 0.25)
    depth = 1 + nearness * seen[:, 2:] / max(float(np.ptp(seen, axis=0).max()), 1e-6)
    result: Floats = seen[:, :2] / depth
    return result


def _about(hand: Floats) -> Floats:
    """With the palm in the picture's plane and the middle finger's root up."""
    up = -hand[9] / np.linalg.norm(hand[9])  # y runs down
    across = hand[5] - hand[17]
    across = across - up * (across @ up)
    across /= np.linalg.norm(across)
    result: Floats = hand @ np.stack([across, up, np.cross(across, up)], axis=1)
    return result


def _rotation(axis: int, angle: float) -> Floats:
    turned = np.eye(3)
    first, second = (other for other in range(3) if other != axis)
    cos, sin = math.cos(angle), math.sin(angle)
    turned[[first, first, second, second], [first, second, first, second]] = cos, -sin, sin, cos
    return turned


def _thumb_label(seen: Floats) -> str | None:
    """Of a curled hand whose thumb is stretched; None where it cannot be said."""
    return thumb_label(float(seen[4, 0] - seen[2, 0]), float(seen[4, 1] - seen[2, 1]))


def thumb_label(right: float, down: float) -> str | None:
    """Where a stretched thumb points, by its direction in the picture."""
    off = math.degrees(math.atan2(abs(right), -down))  # 0 up .. 180 down
    if off <= THUMB_DEG:
        return "thumb_up"
    if off >= 180 - THUMB_DEG:
        return "thumb_down"
    return "none" if SIDEWAYS_DEG <= off <= 180 - SIDEWAYS_DEG else None
