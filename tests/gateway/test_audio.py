"""Opus packets to chunks: every 20 ms of sound is there, received or concealed."""

import itertools

import numpy as np
import pytest
from aiortc.rtp import RtpPacket
from greenroom.v1.media_pb2 import AudioChunk
from hypothesis import given
from hypothesis import strategies as st

from gateway import audio
from gateway.audio import AudioReceiver, Chunker
from gateway.capture_clock import CaptureClock, SenderClock
from services.runtime.ledger import Ledger
from services.runtime.media import CHUNK_SAMPLES, MICROSECONDS, SAMPLE_RATE, newest_us
from tests.gateway import media

SECONDS = 20
SOUND = media.opus(media.sound(SECONDS))
PACKET_US = 20_000
CHUNK_US = CHUNK_SAMPLES * MICROSECONDS // SAMPLE_RATE
CHUNK_PACKETS = CHUNK_US // PACKET_US
START_US = 10**15


class Heard:
    """A receiver with what it emitted, at arrival times that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chunks: list[AudioChunk] = []
        self.ledger = Ledger("gateway_audio")
        self._now_us = START_US
        monkeypatch.setattr(audio, "now_us", lambda: self._now_us)
        clock = CaptureClock(48_000, SenderClock(), PACKET_US)
        chunker = Chunker("s", self.chunks.append)
        types = frozenset({media.OPUS_TYPE})
        self.receiver = AudioReceiver(types, self.ledger, clock, chunker)

    def add(self, packets: list[RtpPacket]) -> None:
        """Each arrives when its 20 ms are over."""
        for packet in packets:
            self._now_us = START_US + PACKET_US + packet.timestamp * 1_000 // 48
            self.receiver.add(packet)

    @property
    def concealed(self) -> int:
        return sum(chunk.concealed_samples for chunk in self.chunks)

    def check_timeline(self) -> None:
        """No sample is missing: each chunk begins where the last one ended."""
        samples = 0
        for number, chunk in enumerate(self.chunks):
            assert chunk.header.sequence == number
            assert 0 < len(chunk.pcm) <= 2 * CHUNK_SAMPLES
            assert chunk.sample_rate == SAMPLE_RATE
            assert chunk.header.capture_time_us == START_US + samples * MICROSECONDS // SAMPLE_RATE
            samples += len(chunk.pcm) // 2
            assert chunk.concealed_samples in (0, len(chunk.pcm) // 2)

    def check_accounting(self) -> dict[str, int]:
        accounting = self.ledger.accounting()
        assert accounting.pending == 0
        assert accounting.received == accounting.processed + sum(accounting.dropped.values())
        return dict(accounting.dropped)

    def samples(self) -> np.ndarray:
        return np.concatenate([np.frombuffer(c.pcm, "<i2") for c in self.chunks]).astype(float)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    return Heard(monkeypatch)


def test_all_that_is_sent_is_heard(heard: Heard) -> None:
    packets = media.opus_packets(SOUND, first=65_530)
    heard.add(packets)
    heard.receiver.close()
    assert len(heard.samples()) == len(packets) * SAMPLE_RATE // 50
    heard.check_timeline()
    assert heard.concealed == 0
    assert heard.check_accounting() == {}
    truth = media.sound(SECONDS, SAMPLE_RATE).astype(float)
    got = heard.samples()[1_000:50_000]
    best, lag = max(
        (float(np.corrcoef(got, truth[1_000 - lag : 50_000 - lag])[0, 1]), lag)
        for lag in range(300)
    )
    assert best > 0.7, "Opus does not keep a voice's waveform exactly"
    assert 90 <= lag <= 120, "6.5 ms of look-ahead (RFC 6716, 2.1) at 16 kHz"


@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_packets_wait_for_each_other_but_no_chunk_waits(
    monkeypatch: pytest.MonkeyPatch, frame_ms: int
) -> None:
    """Each chunk is out with the packet that completes it; until then few are decoded."""
    heard = Heard(monkeypatch)
    data = media.opus(media.sound(6), frame_ms=frame_ms)
    for number, packet in enumerate(media.opus_packets(data, step=48 * frame_ms)):
        heard.add([packet])
        samples = (number + 1) * frame_ms * SAMPLE_RATE // 1000
        assert len(heard.chunks) == samples // CHUNK_SAMPLES
        assert len(heard.receiver._held) <= audio.REORDER_PACKETS
        if frame_ms == 20:
            assert heard.ledger.accounting().pending == (number + 1) % CHUNK_PACKETS or number < 4


@pytest.mark.parametrize("share", [0.02, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_random_loss(heard: Heard, share: float, seed: int) -> None:
    """2% and 10%: every 20 ms is there, and the concealed ones are counted exactly."""
    sent = media.opus_packets(SOUND)
    arrived = media.lose(sent, share, seed)
    last = arrived[-1].sequence_number
    heard.add(arrived)
    lost = last + 1 - len(arrived)
    assert lost > share * SECONDS * 50 * 0.4
    heard.receiver.close()
    heard.check_timeline()
    assert len(heard.samples()) == (last + 1) * SAMPLE_RATE // 50
    assert heard.concealed == lost * SAMPLE_RATE // 50
    heard.check_accounting()
    assert heard.ledger.accounting().processed == len(arrived)


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_reordering(heard: Heard, seed: int) -> None:
    """A packet that is overtaken by up to two others is not lost."""
    arrived = media.lose(media.opus_packets(SOUND), 0.05, seed)
    last = max(packet.sequence_number for packet in arrived)
    for packet in media.shuffle(arrived, reach=2, seed=seed):
        heard._now_us = START_US + 60_000 + packet.timestamp * 1_000 // 48
        heard.receiver.add(packet)
    assert heard.ledger.accounting().dropped == {}
    heard.receiver.close()
    assert len(heard.samples()) >= (last - audio.REORDER_PACKETS) * SAMPLE_RATE // 50
    took_us = heard.chunks[-1].header.capture_time_us - heard.chunks[0].header.capture_time_us
    before = len(heard.samples()) - len(heard.chunks[-1].pcm) // 2
    assert took_us == pytest.approx(before * MICROSECONDS // SAMPLE_RATE, abs=CHUNK_US)
    lost = last + 1 - len(arrived)
    assert heard.concealed == pytest.approx(lost * SAMPLE_RATE // 50, abs=2 * SAMPLE_RATE // 50)


def test_a_long_hole_is_a_jump(heard: Heard) -> None:
    packets = media.opus_packets(SOUND)
    heard.add([*packets[:101], *packets[200:]])
    starts = np.array([chunk.header.capture_time_us for chunk in heard.chunks])
    steps = np.diff(starts)
    # The 101st packet alone is what came before the hole.
    assert sorted(set(steps)) == [CHUNK_US, 100 * PACKET_US]
    assert heard.concealed == 0
    assert [chunk.header.sequence for chunk in heard.chunks] == list(range(len(heard.chunks)))


def test_what_waits_goes_out_in_a_rest(heard: Heard) -> None:
    """Before a hole no packet completes the chunk, nor shows that one before it is lost."""
    packets = media.opus_packets(SOUND)
    heard.add([*packets[:41], *packets[42:44]])
    assert heard.ledger.accounting().pending == 2
    heard.receiver.rest(heard._now_us + audio.REST_US - 1)
    assert heard.ledger.accounting().pending == 2
    heard.receiver.rest(heard._now_us + audio.REST_US)
    assert heard.ledger.accounting().pending == 0
    assert len(heard.samples()) == 44 * SAMPLE_RATE // 50
    assert heard.concealed == SAMPLE_RATE // 50
    heard.receiver.rest(heard._now_us + 2 * audio.REST_US)
    chunks = len(heard.chunks)
    heard.add([packets[41], *packets[100:]])
    heard.receiver.close()
    assert heard.check_accounting() == {"late": 1}
    after = heard.chunks[chunks].header.capture_time_us
    assert after == START_US + 100 * PACKET_US, "a jump"
    assert len(heard.samples()) == (44 + len(packets) - 100) * SAMPLE_RATE // 50


def test_a_short_rest_keeps_the_timeline(heard: Heard) -> None:
    packets = media.opus_packets(SOUND)
    heard.add(packets[:41])
    heard.receiver.rest(heard._now_us + audio.REST_US)
    heard.add(packets[41:])
    heard.receiver.close()
    heard.check_timeline()
    assert len(heard.samples()) == len(packets) * SAMPLE_RATE // 50
    assert heard.concealed == 0


def test_silence_that_was_not_sent(heard: Heard) -> None:
    """Discontinuous transmission: numbers go on, timestamps leap; nothing was lost."""
    packets = media.opus_packets(SOUND)[:60]
    for packet in packets[31:]:
        packet.timestamp += 15 * 960
    heard.add(packets)
    heard.check_timeline()
    heard.receiver.close()
    assert len(heard.samples()) == (60 + 15) * SAMPLE_RATE // 50
    assert heard.concealed == 0


@pytest.mark.parametrize("frame_ms", [10, 40, 60])
def test_other_packet_lengths(monkeypatch: pytest.MonkeyPatch, frame_ms: int) -> None:
    heard = Heard(monkeypatch)
    data = media.opus(media.sound(6), frame_ms=frame_ms)
    packets = media.opus_packets(data, step=48 * frame_ms)
    kept = [p for i, p in enumerate(packets) if i % 10 != 2]
    last = kept[-1].sequence_number
    heard.add(kept)
    total = (last + 1) * frame_ms * SAMPLE_RATE // 1000
    heard.receiver.close()
    assert len(heard.samples()) == total
    lost = (last + 1 - len(kept)) * frame_ms * SAMPLE_RATE // 1000
    assert heard.concealed == pytest.approx(lost, abs=frame_ms * SAMPLE_RATE // 1000)


@pytest.mark.parametrize("numbers_too", [True, False])
def test_a_long_hole_of_long_packets_is_a_jump(
    monkeypatch: pytest.MonkeyPatch, numbers_too: bool
) -> None:
    """Eleven of 60 ms are more than half a second, lost or not sent."""
    heard = Heard(monkeypatch)
    packets = media.opus_packets(media.opus(media.sound(6), frame_ms=60), step=48 * 60)
    after = packets[51:]
    if not numbers_too:
        for packet in after:
            packet.sequence_number -= 11
    heard.add([*packets[:40], *after])
    steps = np.diff([chunk.header.capture_time_us for chunk in heard.chunks])
    assert max(steps) >= 11 * 60_000
    assert heard.concealed == 0


def test_what_is_no_sound(heard: Heard) -> None:
    packets = media.opus_packets(SOUND)[:40]
    packets[10].payload = b""
    packets[20].payload_type = 111
    packets[30].payload = b"\xff" * 3
    heard.add([*packets, packets[5], packets[39]])
    heard.receiver.close()
    heard.add([packets[39]])
    assert heard.check_accounting() == {
        "no_sound": 2,
        "corrupt": 1,
        "late": 1,
        "duplicate": 1,
        "connection_closed": 1,
    }
    for before, after in itertools.pairwise(heard.chunks):
        assert abs(after.header.capture_time_us - newest_us(before)) <= PACKET_US


def test_another_source_goes_on(heard: Heard) -> None:
    packets = media.opus_packets(SOUND)
    fresh = media.opus_packets(SOUND, first=5)
    for packet in fresh:
        packet.ssrc = 77
        packet.timestamp += 100 * 960
    heard.add([*packets[:100], *fresh[:100]])
    assert len(heard.chunks) == pytest.approx(200 / CHUNK_PACKETS, abs=2)
    assert heard.check_accounting() == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.binary(max_size=80)),
        max_size=40,
    )
)
def test_nothing_breaks_it(packets: list[tuple[int, int, bytes]]) -> None:
    ledger = Ledger("gateway_audio")
    chunks: list[AudioChunk] = []
    clock = CaptureClock(48_000, SenderClock(), PACKET_US)
    receiver = AudioReceiver(
        frozenset({media.OPUS_TYPE}), ledger, clock, Chunker("s", chunks.append)
    )
    for number, timestamp, payload in packets:
        packet = media.padding(number, timestamp, media.OPUS_TYPE)
        packet.payload = payload
        receiver.add(packet)
        assert len(receiver._held) <= audio.REORDER_PACKETS
    receiver.close()
    accounting = ledger.accounting()
    assert accounting.received == len(packets)
    assert accounting.pending == 0


@given(st.lists(st.tuples(st.integers(1, 2_000), st.booleans()), max_size=30))
def test_chunks_hold_every_sample(pieces: list[tuple[int, bool]]) -> None:
    """In order, and with each concealed one among concealed ones alone."""
    chunks: list[AudioChunk] = []
    chunker = Chunker("s", chunks.append)
    at = 0
    flags: list[bool] = []
    for length, concealed in pieces:
        samples = np.arange(at, at + length).astype(np.int16)
        chunker.add(samples, START_US + at * MICROSECONDS // SAMPLE_RATE, concealed)
        flags += [concealed] * length
        at += length
    assert 0 < chunker.wanted <= CHUNK_SAMPLES
    chunker.end()
    first = 0
    for chunk in chunks:
        got = np.frombuffer(chunk.pcm, "<i2")
        last = first + len(got)
        assert 0 < len(got) <= CHUNK_SAMPLES
        assert np.array_equal(got, np.arange(first, last).astype(np.int16))
        assert set(flags[first:last]) == {bool(chunk.concealed_samples)}
        assert chunk.concealed_samples in (0, len(got))
        first_us = START_US + first * MICROSECONDS // SAMPLE_RATE
        assert abs(chunk.header.capture_time_us - first_us) <= len(chunks)
        first = last
    assert first == at
