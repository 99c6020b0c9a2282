"""Frames out of packets: at the marker, in order, under loss and reordering."""

import contextlib
from collections.abc import Iterable

import av
import numpy as np
import numpy.typing as npt
import pytest
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from gateway import assembly
from gateway.assembly import EncodedFrame, Unwrapper, VideoAssembler
from gateway.payload import READERS
from gateway.video import new_decoder
from tests.gateway import media

READERS_BY_TYPE = {media.VP8_TYPE: READERS["vp8"], media.H264_TYPE: READERS["h264"]}


class Clock:
    """The time of arrival, which a test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.us = 1_000_000_000
        monkeypatch.setattr(assembly, "now_us", lambda: self.us)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Assembled:
    """An assembler and what it delivered."""

    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []
        self.asked = 0
        self.assembler = VideoAssembler(READERS_BY_TYPE, self.frames.append)

    def add(self, packets: Iterable[RtpPacket]) -> None:
        for packet in packets:
            ask, frame = self.assembler.add(packet)
            assert frame is None
            self.asked += ask

    @property
    def numbers(self) -> list[int]:
        return [frame.timestamp // media.VIDEO_STEP for frame in self.frames]


Pictures = dict[int, npt.NDArray[np.uint8]]


def decode(frames: Iterable[EncodedFrame]) -> Pictures:
    """The picture of each timestamp."""
    made: Pictures = {}

    def keep(picture: av.VideoFrame) -> None:
        assert picture.pts is not None
        made[picture.pts] = picture.to_ndarray().astype(np.uint8, copy=False)

    decoder = None
    for frame in frames:
        decoder = decoder or new_decoder(frame.codec)
        packet = av.Packet(frame.data)
        packet.pts = frame.timestamp
        with contextlib.suppress(av.FFmpegError):  # H.264 whose parameter sets were lost
            for picture in decoder.decode(packet):
                keep(picture)
    if decoder:
        for picture in decoder.decode(None):
            keep(picture)
    return made


def same(got: Pictures, full: Pictures) -> bool:
    return all(np.array_equal(picture, full[at]) for at, picture in got.items())


def flat(frames: Iterable[Iterable[RtpPacket]]) -> list[RtpPacket]:
    return [packet for packets in frames for packet in packets]


PICTURES = media.pictures(48)
KEYS = (0, 12, 24, 36)
PLAIN = media.vp8(PICTURES, keys=KEYS)
LAYERED = media.vp8(PICTURES, layers=True, keys=KEYS)
H264 = media.h264(PICTURES, keys=KEYS)
H264_B = media.h264(PICTURES, discardable=True, keys=KEYS)


def packets_of(codec: str, first: int = 0) -> media.Packets:
    if codec == "h264":
        return media.h264_packets(H264, first=first)
    if codec == "layers":
        return media.vp8_packets(LAYERED, layers=True, first=first)
    return media.vp8_packets(PLAIN, first=first)


@pytest.mark.parametrize("codec", ["vp8", "layers", "h264"])
def test_a_frame_is_there_with_its_last_packet(clock: Clock, codec: str) -> None:
    got = Assembled()
    for number, packets in enumerate(packets_of(codec, first=65_500)):
        got.add(packets[:-1])
        assert len(got.frames) == number
        clock.us += 7
        got.add(packets[-1:])
        assert len(got.frames) == number + 1
        assert got.frames[-1].arrival_us == clock.us
    assert got.asked == 0
    assert [frame.key for frame in got.frames].count(True) == len(KEYS)


def test_the_data_is_what_the_encoder_made(clock: Clock) -> None:
    got = Assembled()
    got.add(flat(packets_of("vp8")))
    assert [frame.data for frame in got.frames] == [frame.data for frame in PLAIN]
    assert not any(frame.discardable for frame in got.frames)
    assert {frame.codec for frame in got.frames} == {"vp8"}


@pytest.mark.parametrize("codec", ["vp8", "layers", "h264"])
@pytest.mark.parametrize("seed", range(3))
def test_reordering_changes_nothing(clock: Clock, codec: str, seed: int) -> None:
    got = Assembled()
    got.add(media.shuffle(flat(packets_of(codec)), reach=12, seed=seed))
    assert got.numbers == list(range(48))
    assert got.asked == 0


def test_late_packets_and_duplicates_are_ignored(clock: Clock) -> None:
    packets = flat(packets_of("vp8"))
    got = Assembled()
    got.add(packet for each in packets for packet in (each, each))
    got.add(packets[:20])
    assert got.numbers == list(range(48))


def test_a_retransmission_fills_the_gap(clock: Clock) -> None:
    frames = packets_of("vp8")
    lost = frames[5].pop(1)
    got = Assembled()
    got.add(flat(frames[:8]))
    assert got.numbers == list(range(5))
    clock.us += assembly.GIVE_UP_US - 1
    got.add([lost])
    assert got.numbers == list(range(8))
    assert got.asked == 0


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_loss_is_given_up_and_mended_by_a_key_frame(clock: Clock, codec: str, place: str) -> None:
    frames = packets_of(codec)
    lossy = frames[5]
    assert len(lossy) > 2
    del lossy[{"first": 0, "middle": 1, "last": -1}[place]]
    got = Assembled()
    got.add(flat(frames[:10]))
    assert got.numbers == list(range(5))
    clock.us += assembly.GIVE_UP_US
    got.add(flat(frames[10:11]))
    assert got.numbers == list(range(5))
    assert got.asked == 1, "a key frame is asked for at once"
    clock.us += assembly.KEY_REQUEST_US
    got.add(flat(frames[11:12]))
    assert got.asked == 2, "and again"
    got.add(flat(frames[12:]))
    assert got.numbers == [*range(5), *range(12, 48)]
    assert not got.assembler._held


def test_half_a_key_frame_is_none(clock: Clock) -> None:
    """Of a key frame of several slices the first was lost: what is left looks like its start."""
    options = {"tune": "zerolatency", "slices": "4", "preset": "veryfast"}
    data = media._encode("libx264", PICTURES[:3], options, {0, 1, 2})
    frames = media.h264_packets([media.Encoded(each, True) for each in data])
    starts = [READERS["h264"].starts_frame(packet) for packet in frames[1]]
    assert starts[:2] == [True, True], "parameter sets, then the first slice"
    assert not any(starts[2:])
    second_slice = next(
        i
        for i, p in enumerate(frames[1])
        if p.payload[0] & 0x1F == 28 and p.payload[1] & 128 and not p.payload[2] & 128
    )
    del frames[1][:second_slice]
    got = Assembled()
    got.add(flat(frames))
    clock.us += assembly.GIVE_UP_US
    got.add([media.padding(flat(frames)[-1].sequence_number + 1, 0, media.H264_TYPE)])
    assert got.numbers == [0, 2]


def test_a_lost_upper_layer_costs_no_key_frame(clock: Clock) -> None:
    """Left out are the lost frame and those of upper layers that may refer to it (they have no
    sync bit); all others are as in a full decode."""
    full = Assembled()
    full.add(flat(packets_of("layers")))
    for lost, missing in ((5, {5, 7}), (7, {7, 11}), (6, {6, 7, 11})):
        frames = packets_of("layers")
        frames[lost].clear()
        got = Assembled()
        got.add(flat(frames[: lost + 3]))
        clock.us += assembly.GIVE_UP_US
        got.add(flat(frames[lost + 3 :]))
        assert got.numbers == [n for n in range(48) if n not in missing]
        assert got.asked == 0
        assert same(decode(got.frames), decode(full.frames))


def test_a_lost_base_frame_needs_a_key_frame(clock: Clock) -> None:
    frames = packets_of("layers")
    frames[8].clear()
    got = Assembled()
    got.add(flat(frames[:11]))
    clock.us += assembly.GIVE_UP_US
    got.add(flat(frames[11:]))
    assert got.numbers == [*range(8), *range(12, 48)]
    assert got.asked == 1


@pytest.mark.parametrize("codec", ["vp8", "layers", "h264"])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_delivered_under_loss_is_as_in_a_full_decode(
    clock: Clock, codec: str, seed: int
) -> None:
    """Bit for bit: no frame is ever decoded without its references."""
    full = Assembled()
    full.add(flat(packets_of(codec)))
    got = Assembled()
    for packet in media.shuffle(
        media.lose(flat(packets_of(codec)), 0.005, seed), reach=6, seed=seed
    ):
        clock.us += 5_000
        got.add([packet])
    pictures = decode(got.frames)
    assert 12 <= len(pictures) < 48
    assert same(pictures, decode(full.frames))


@pytest.mark.parametrize(
    ("packets", "share"),
    [(media.vp8_packets(LAYERED, layers=True), 0.5), (media.h264_packets(H264_B), 0.4)],
    ids=["vp8", "h264"],
)
@pytest.mark.parametrize("skip", ["all", "every other", "at random"])
def test_discardable_frames_need_not_be_decoded(
    clock: Clock, packets: media.Packets, share: float, skip: str
) -> None:
    """Bit for bit the same pictures of all other frames."""
    got = Assembled()
    got.add(flat(packets))
    full = decode(got.frames)
    assert len(full) == 48
    discardable = [frame for frame in got.frames if frame.discardable]
    assert len(discardable) >= share * 48
    chosen = {"all": slice(None), "every other": slice(0, None, 2)}.get(skip)
    rng = np.random.default_rng(3)
    skipped = discardable[chosen] if chosen else [f for f in discardable if rng.integers(0, 2)]
    out = {frame.timestamp for frame in skipped}
    kept = decode(frame for frame in got.frames if frame.timestamp not in out)
    assert set(kept) == set(full) - out
    assert same(kept, full)


def test_padding_holds_nothing_back(clock: Clock) -> None:
    frames = packets_of("vp8")
    number = flat(frames[:3])[-1].sequence_number + 1
    got = Assembled()
    got.add(flat(frames[:3]))
    later = flat(packets_of("vp8", first=2)[3:])
    # The second padding packet overtakes the first.
    got.add([media.padding(number + 1, 0), media.padding(number, 0), *later])
    assert got.numbers == list(range(48))


def test_a_sender_without_markers(clock: Clock) -> None:
    frames = packets_of("vp8")
    for packet in flat(frames):
        packet.marker = 0
    got = Assembled()
    got.add(flat(frames))
    assert got.numbers == list(range(47)), "all but the one that may still go on"
    assert [frame.data for frame in got.frames] == [frame.data for frame in PLAIN[:47]]


def test_another_source_goes_on_at_its_key_frame(clock: Clock) -> None:
    """The sender made its track anew: other SSRC, other numbers."""
    got = Assembled()
    got.add(flat(packets_of("vp8", first=40_000)[:20]))
    fresh = flat(packets_of("vp8", first=10))
    for packet in fresh:
        packet.ssrc = 99
    got.add(fresh[:30])
    clock.us += assembly.GIVE_UP_US
    got.add(fresh[30:])
    assert got.numbers == [*range(20), *range(48)]


def test_nothing_grows_without_bound(clock: Clock) -> None:
    endless = packets_of("vp8")[0][0]
    endless.marker = 0
    got = Assembled()
    for number in range(3 * assembly.MAX_FRAME_PACKETS):
        endless.sequence_number = number
        got.add([endless])
        assert len(got.assembler._frame) <= assembly.MAX_FRAME_PACKETS
    gap = Assembled()
    gap.add(flat(packets_of("vp8"))[:1])
    for number in range(2, 3 * assembly.MAX_HELD):
        gap.add([media.padding(number, 0)])
        assert len(gap.assembler._held) <= assembly.MAX_HELD
    assert gap.asked == 1


def test_the_decoder_can_ask_for_a_key_frame(clock: Clock) -> None:
    got = Assembled()
    frames = packets_of("vp8")
    got.add(flat(frames[:10]))
    got.assembler.need_key()
    got.add(flat(frames[10:]))
    assert got.numbers == [*range(10), *range(12, 48)]
    assert got.asked == 1


@given(st.integers(0, 65_535), st.lists(st.integers(-100, 2_500), max_size=60))
def test_numbers_unwrap(first: int, steps: list[int]) -> None:
    """As long as no step leaps, unwrapped numbers are the true ones."""
    unwrapper = Unwrapper()
    truth = newest = first
    assert unwrapper.unwrap(media.padding(first, 0)) == first
    for step in steps:
        truth = max(newest + step, 0)
        newest = max(newest, truth)
        assert unwrapper.unwrap(media.padding(truth % 65_536, 0)) == truth


@given(st.binary(max_size=60), st.booleans(), st.sampled_from([media.VP8_TYPE, media.H264_TYPE]))
def test_no_payload_breaks_it(payload: bytes, marker: bool, payload_type: int) -> None:
    """Whatever aiortc's depayloader accepts."""
    depayload = vp8_depayload if payload_type == media.VP8_TYPE else h264_depayload
    packet = media.padding(7, 0, payload_type)
    packet.payload, packet.marker = payload, int(marker)
    try:
        packet._data = depayload(payload)  # type: ignore[attr-defined]
    except ValueError:
        return
    Assembled().add([packet])
