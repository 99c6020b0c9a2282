"""Which frames can be decoded after a loss: those whose references all came."""

from __future__ import annotations

from gateway.payload import Layer

NONE, BASE, ALL = -1, 0, 8
"""Layers that are whole: none, the base alone, and more than TID can name."""

BASE_MODULUS = 1 << 8
"""TL0PICIDX has eight bits."""


class References:
    """Asked once for each frame, in decoding order.

    Without temporal layers a loss is mended by a key frame alone. With them (VP8) a frame
    lost from an upper layer costs that layer until its next sync frame, and the base
    layer goes on: that none of its frames is missing TL0PICIDX shows.
    """

    def __init__(self) -> None:
        self._whole = NONE
        """The highest layer whose frames so far all came."""
        self._base: int | None = None

    @property
    def need_key(self) -> bool:
        return self._whole == NONE

    def forget(self) -> None:
        """No earlier frame is there any more."""
        self._whole = NONE

    def lost(self) -> None:
        """Something was lost before the next frame: of which layer is not known yet."""
        self._whole = min(self._whole, BASE if self._base is not None else NONE)

    def has(self, key: bool, layer: Layer | None) -> bool:
        """Whether the references of the next frame are there."""
        if key:
            self._whole = ALL
        elif self._whole != ALL:
            self._mend(layer)
        if self._whole == NONE:
            return False
        usable = self._whole == ALL or layer is None or layer.number <= self._whole or layer.sync
        if layer is None or layer.number == BASE:
            self._base = layer.base if layer else None
        return usable

    def _mend(self, layer: Layer | None) -> None:
        """What the next frame, no key frame, says about the loss before it."""
        if self._whole == NONE:
            return
        if layer is None or self._base is None:
            self._whole = NONE
            return
        expected = (self._base + (layer.number == BASE)) % BASE_MODULUS
        if layer.base != expected:
            self._whole = NONE  # a base frame is missing
        elif layer.sync and layer.number == self._whole + 1:
            self._whole = layer.number
