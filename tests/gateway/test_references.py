"""Which frames are of use after a loss, by their temporal layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.payload import Layer
from gateway.references import References
from tests.gateway import media


def layered(count: int, first_base: int = 250) -> list[tuple[int, Layer]]:
    """L1T3 whose TL0PICIDX wraps."""
    made = []
    for number in range(count):
        base = (first_base + number // 4) % 256
        place = number % 4
        made.append((number, Layer(media.L1T3[place], place in (1, 2), base)))
    return made


def needs(number: int) -> set[int]:
    """The frames to which frame `number` refers, all the way down to frame 0."""
    place, start = number % 4, number - number % 4
    if number == 0:
        return set()
    direct = {0: start - 4, 1: start, 2: start, 3: start + 2}[place]
    return {direct} | needs(direct)


def run(count: int, lost: set[int]) -> list[int]:
    references = References()
    usable = []
    for number, layer in layered(count):
        if number in lost:
            references.lost()
        elif references.has(number == 0, layer):
            usable.append(number)
    return usable


def test_without_loss_all_are_usable() -> None:
    assert run(60, set()) == list(range(60))


@given(st.sets(st.integers(0, 59)))
def test_no_frame_without_its_references(lost: set[int]) -> None:
    usable = run(60, lost)
    for number in usable:
        assert not needs(number) & lost
        assert needs(number) <= set(usable)


@given(st.sets(st.integers(1, 59).filter(lambda n: n % 4)))
def test_the_base_layer_goes_on(lost: set[int]) -> None:
    """Whatever is lost of the upper layers, and every frame with a sync bit is usable."""
    usable = set(run(60, lost))
    assert usable >= {n for n in range(60) if n % 4 != 3} - lost


@pytest.mark.parametrize("layer", [None, Layer(0, False, 1)])
def test_before_the_first_key_frame(layer: Layer | None) -> None:
    references = References()
    references.lost()
    assert not references.has(False, layer)
    assert references.need_key
    assert references.has(True, layer)
    assert references.has(False, layer)


def test_without_layers_a_loss_needs_a_key_frame() -> None:
    references = References()
    assert references.has(True, None)
    references.lost()
    assert not references.has(False, None)
    assert references.need_key
    assert references.has(True, None)


def test_a_decoder_without_state_needs_a_key_frame() -> None:
    references = References()
    assert references.has(True, Layer(0, False, 9))
    references.forget()
    assert references.need_key
    assert not references.has(False, Layer(0, False, 10))
