"""Every metric that an objective may name can be measured: what nothing makes would be a promise
that no run keeps."""

import av
import numpy as np
import simplejpeg
from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import Hint
from greenroom.v1.signals_pb2 import (
    AnswerEvaluation,
    FaceState,
    GestureState,
    Signal,
    Trace,
    TranscriptSegment,
    VoiceState,
    Word,
)

from loadtest import burn, measure
from loadtest.client import HeardHint
from loadtest.recording import EncodedPacket, Recording
from loadtest.result import ProcessResult, SessionResult
from loadtest.slo import PROCESSES, UNITS
from loadtest.stages import CHIRP_PACKETS, SessionProbe, Stages
from loadtest.tracks import Pacer, PacketTrack
from loadtest.watch import SelfWatch
from services.runtime.bus import now_us
from services.runtime.media import CHUNK_SAMPLES, SAMPLE_RATE

MS = 1000
NUMBER = 7
"""Burnt into the picture."""

CONCEALED = 160
CHUNKS = 4
HINT_MS = 60
"""From capture to the first hint's arrival; each further one comes a millisecond later."""


def jpeg() -> bytes:
    grey = av.VideoFrame.from_ndarray(np.full((480 * 3 // 2, 640), 128, np.uint8), "yuv420p")
    picture = burn.picture(grey, NUMBER).to_ndarray(format="rgb24")
    return bytes(simplejpeg.encode_jpeg(picture))


def chirp() -> bytes:
    """CHUNKS chunks, a chirp at the beginning."""
    silence = np.zeros((1, CHUNKS * CHUNK_SAMPLES), np.int16)
    frame = av.AudioFrame.from_ndarray(silence, "s16", "mono")
    frame.sample_rate = SAMPLE_RATE
    return burn.sound(frame, 0).to_ndarray().tobytes()


def tracks(sent_us: int) -> list[PacketTrack]:
    packet = EncodedPacket(b"", 0.0, key=True)
    recording = Recording("a.mp4", 1.0, [packet], [packet])
    made = [PacketTrack(kind, recording, Pacer(), None) for kind in ("video", "audio")]
    for track, place in zip(made, (NUMBER, 0), strict=True):
        track.sent_at[place] = sent_us
    return made


def signals(captured_us: int) -> list[Signal]:
    """One of each that has a latency, from a capture to its going out 30 ms later."""
    trace = Trace(
        published_us=captured_us + 5 * MS,
        received_us=captured_us + 6 * MS,
        emitted_us=captured_us + 30 * MS,
        worker="worker",
    )
    words = [Word(text="well", start_us=captured_us, end_us=captured_us)]
    return [
        Signal(kind=Kind.KIND_FACE, trace=trace, end_us=captured_us, face_state=FaceState()),
        Signal(
            kind=Kind.KIND_GESTURE, trace=trace, end_us=captured_us, gesture_state=GestureState()
        ),
        Signal(kind=Kind.KIND_VOICE, trace=trace, end_us=captured_us, voice_state=VoiceState()),
        Signal(kind=Kind.KIND_VOICE, trace=trace, transcript=TranscriptSegment(words=words)),
        Signal(kind=Kind.KIND_ANSWERS, trace=trace, answer=AnswerEvaluation()),
    ]


def heard(stages: Stages) -> SessionProbe:
    """A session's messages as they come from the bus, and a hint as it comes to its client."""
    probe = SessionProbe(stages)
    captured_us = now_us() - 100 * MS
    probe.watch_burnt(tracks(captured_us))
    header = Header(session_id="s", capture_time_us=captured_us)
    published_us = captured_us + 50 * MS
    frame = VideoFrame(header=header, jpeg=jpeg(), publish_time_us=published_us)
    probe.take("media.s.video", frame.SerializeToString())
    pcm = chirp()
    size = len(pcm) // CHUNKS
    for number in range(CHUNKS):
        chunk = AudioChunk(
            header=Header(session_id="s", sequence=number, capture_time_us=captured_us),
            pcm=pcm[number * size : (number + 1) * size],
            publish_time_us=published_us,
            concealed_samples=CONCEALED,
        )
        probe.take("media.s.audio", chunk.SerializeToString())
    for signal in signals(captured_us):
        probe.take("signals.s.any", signal.SerializeToString())
    decided_us = captured_us + 40 * MS
    hint = Hint(header=header, trigger="look_up", decided_us=decided_us)
    probe.take("hints.s", hint.SerializeToString())
    for number, trigger in enumerate(("look_up", "slow_down", "wrap_up")):
        message = {"trigger": trigger, "capture_us": captured_us, "decided_us": decided_us}
        arrived_us = captured_us + (HINT_MS + number) * MS
        stages.hint(HeardHint(message, arrived_us, "channel"))
    return probe


def test_a_chirp_that_took_longer_than_a_second() -> None:
    stages = Stages(clock=lambda: 1.0)
    probe = SessionProbe(stages)
    made = tracks(now_us() - 1300 * MS)
    made[1].sent_at[CHIRP_PACKETS] = now_us() - 300 * MS
    probe.watch_burnt(made)
    pcm = chirp()
    size = len(pcm) // CHUNKS
    for number in range(CHUNKS):
        chunk = AudioChunk(pcm=pcm[number * size : (number + 1) * size])
        probe.take("media.s.audio", chunk.SerializeToString())
    [latency_ms] = stages.samples["burnt_audio"].values
    assert 1300 <= latency_ms < 2300


def test_every_metric_can_be_measured() -> None:
    stages = Stages(clock=lambda: 1.0)
    watch = SelfWatch()
    watch.lag.add(1.0, 2.0)
    probe = heard(stages)
    stages.late(2.0)
    assert not stages.implausible
    counts = {"received": 100, "processed": 100}
    kinds = ("gateway_video", "gateway_audio", "face", "gesture", "voice")
    media = ("video", "audio")
    session = SessionResult(
        recording="a.mp4",
        outcome="completed",
        join_ms=200,
        first_signal_ms=900,
        first_hint_ms=20_000,
        hints=probe.hints,
        packets_sent=dict.fromkeys(media, 100),
        packets_lost=dict.fromkeys(media, 1),
        jitter_ms=dict.fromkeys(media, 2.0),
        report="complete",
        accounting=dict.fromkeys(kinds, counts),
        heard=probe.heard,
        hints_expected=1,
        hints_found=1,
        hints_judged=1,
    )
    process = ProcessResult(cores=0.1, memory_mib=100, files=9)
    found = measure.metrics(
        [session],
        measure.summaries(stages.samples | {"generator_lag": watch.lag}, 0, 2),
        dict.fromkeys(PROCESSES, process),
        up=1,
        steady_s=2,
    )
    assert UNITS.keys() - found.keys() == set()
    assert found["concealed"] == 100 * CONCEALED / CHUNK_SAMPLES
    assert found["burnt_unread"] == 0
    assert list(stages.samples["glass_to_hint_sight"].values) == [HINT_MS]
    assert list(stages.samples["glass_to_hint_sound"].values) == [HINT_MS + 1]
    assert len(stages.samples["glass_to_hint"].values) == 3, "that of the time too"
