"""Any recording as packets that a WebRTC client can send, encoded once and kept.

The encoded copy (VP8 or H.264, and Opus) lies in a cache, named by the recording's
content and the encoding; replaying it costs no encoding.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.stream import Disposition

from loadtest import burn as marks
from loadtest.layers import ENCODER_OPTIONS, upper_layer

LONGEST_SIDE = 640
"""As a camera at VGA: what the page asks for."""

FPS = 30
VIDEO_BITRATE = 1_500_000
KEY_INTERVAL = 60
"""Frames between key frames: two seconds, so that a late joiner sees something soon."""

OPUS_RATE = 48_000
OPUS_SAMPLES = 960
"""20 ms, what browsers send."""

ENCODING = "640-30-1500k-opus-20ms-v3"
"""Part of the cache's key: change it when the encoding changes."""

MEDIA_SUFFIXES = frozenset(
    {".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg"}
    | {".wav", ".ogg", ".mp3", ".flac", ".m4a"}
)
"""What is taken as a recording in a folder."""


@dataclass(frozen=True)
class VideoCodec:
    """How one codec is encoded in real time, as a browser would."""

    encoder: str
    options: dict[str, object]
    """As PyAV types them; FFmpeg takes strings."""
    suffix: str


CODECS = {
    "VP8": VideoCodec(
        "libvpx", {"deadline": "realtime", "cpu-used": "-8", "static-thresh": "100"}, ".webm"
    ),
    # Constrained baseline, as aiortc offers it; no B frames, so that time only goes forward.
    "H264": VideoCodec(
        "libx264",
        {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "level": "3.1"},
        ".mkv",
    ),
}
"""By the name that SDP has for them."""


class RecordingError(ValueError):
    """The file can't be replayed; the message says why."""


@dataclass(frozen=True)
class EncodedPacket:
    data: bytes
    time_s: float
    """From the recording's start."""
    key: bool
    upper: bool = False
    """Of the upper temporal layer: no other refers to it."""


@dataclass(frozen=True)
class Recording:
    """A recording ready to be sent."""

    name: str
    duration_s: float
    video: list[EncodedPacket]
    audio: list[EncodedPacket]
    path: Path = Path()
    """The file that it was made of."""
    codec: str = "VP8"
    """Of the video, a key of CODECS."""
    burnt: bool = False
    """Whether pictures and sound carry their own identity (loadtest/burn.py)."""
    layered: bool = False
    """Whether the video has two temporal layers (loadtest/layers.py)."""
    digest: str = ""
    """Of the file's content."""

    def without(self, kind: str) -> Recording:
        """The same without its "video" or "audio"."""
        return replace(self, video=[]) if kind == "video" else replace(self, audio=[])


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "greenroom" / "recordings"


@contextmanager
def caching(cache: Path) -> Iterator[Path]:
    """A temporary folder inside the cache: a file that is moved out of it is whole or not there.

    Raises RecordingError when the cache can't be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        directory = tempfile.TemporaryDirectory(dir=cache)
    except OSError as error:
        raise RecordingError(
            f"the cache of recordings, {cache}, can't be written ({error.strerror}): "
            "set XDG_CACHE_HOME to a folder that can"
        ) from error
    with directory as name:
        yield Path(name)


def digest(path: Path) -> str:
    """Of the file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:24]


def load(
    path: Path,
    cache: Path | None = None,
    *,
    codec: str = "VP8",
    burn: bool = False,
    layered: bool = False,
) -> Recording:
    """Encode (once) and read a recording.

    Raises RecordingError for a file that FFmpeg can't read or that holds no media, and for a
    cache that can't be written.
    """
    if codec not in CODECS:
        raise RecordingError(f"codec {codec} is not known: take one of {', '.join(CODECS)}")
    if layered and codec != "VP8":
        raise RecordingError("temporal layers are VP8's: leave out --layers or take --codec VP8")
    folder = cache or default_cache()
    try:
        if not path.is_file():
            raise RecordingError(f"{path}: there is no such file")
        content = digest(path)
    except OSError as error:
        raise RecordingError(f"{path}: can't be read ({error.strerror})") from error
    burnt = "-burnt-v2" if burn else ""
    layers = "-l1t2-v1" if layered else ""
    encoded = folder / f"{content}-{codec.lower()}-{ENCODING}{burnt}{layers}{CODECS[codec].suffix}"
    if not encoded.exists():
        how = CODECS[codec]
        if layered:
            how = replace(how, options=how.options | ENCODER_OPTIONS)
        _encode(path, encoded, how, marked=burn)
    made = replace(
        _read(path.name, encoded),
        path=path,
        codec=codec,
        burnt=burn,
        layered=layered,
        digest=content,
    )
    if layered:
        upper = upper_layer(packet.key for packet in made.video)
        video = [replace(p, upper=u) for p, u in zip(made.video, upper, strict=True)]
        made = replace(made, video=video)
    return made


def load_all(
    paths: list[Path], *, codec: str = "VP8", burn: bool = False, layered: bool = False
) -> list[Recording]:
    """Every recording of the files and folders, in the order of their names.

    Raises RecordingError, also when a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(f for f in path.rglob("*") if f.suffix.lower() in MEDIA_SUFFIXES)
            if not found:
                raise RecordingError(f"{path}: this folder holds no video or sound file")
            files += found
        else:
            files.append(path)
    return [load(file, codec=codec, burn=burn, layered=layered) for file in files]


def _encode(path: Path, target: Path, codec: VideoCodec, *, marked: bool) -> None:
    with caching(target.parent) as directory:
        part = directory / f"part{target.suffix}"
        try:
            with av.open(str(path)) as source, av.open(str(part), "w") as sink:
                _transcode(path, source, sink, codec, marked=marked)
        except av.FFmpegError as error:
            raise RecordingError(f"{path}: can't be read as video or sound ({error})") from error
        shutil.move(part, target)


def _transcode(
    path: Path,
    source: av.container.InputContainer,
    sink: av.container.OutputContainer,
    codec: VideoCodec,
    *,
    marked: bool,
) -> None:
    # All streams before the first packet: the header names them. A cover is no video.
    moving = [s for s in source.streams.video if not s.disposition & Disposition.attached_pic]
    video = _VideoEncoder(source, moving[0], sink, codec, marked=marked) if moving else None
    audio = _AudioEncoder(sink, marked=marked) if source.streams.audio else None
    if video is None and audio is None:
        raise RecordingError(f"{path}: holds neither video nor sound")
    # Both kinds in one pass, as they lie in the file: the copy is then interleaved too.
    for frame in source.decode(*moving[:1], *source.streams.audio[:1]):
        if isinstance(frame, av.VideoFrame) and video is not None:
            video.add(frame)
        elif isinstance(frame, av.AudioFrame) and audio is not None:
            audio.add(frame)
    for encoder in (video, audio):
        if encoder is not None:
            encoder.finish()


class _VideoEncoder:
    """At FPS: frames are repeated or left out so that the picture's pace stays."""

    def __init__(
        self,
        source: av.container.InputContainer,
        stream: av.VideoStream,
        sink: av.container.OutputContainer,
        codec: VideoCodec,
        *,
        marked: bool,
    ) -> None:
        first = next(source.decode(stream), None)
        source.seek(0)
        if first is None:
            raise RecordingError("the video stream holds no picture")
        width, height = first.width, first.height
        if round(first.rotation / 90) % 2:
            width, height = height, width
        scale = min(1.0, LONGEST_SIDE / max(width, height))
        self._sink = sink
        self._sent = 0
        self._marked = marked
        self._start: float | None = None
        self._stream = cast(av.VideoStream, sink.add_stream(codec.encoder, rate=FPS))
        self._stream.width = round(width * scale / 2) * 2
        self._stream.height = round(height * scale / 2) * 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.bit_rate = VIDEO_BITRATE
        self._stream.gop_size = KEY_INTERVAL
        self._stream.options = codec.options

    def add(self, frame: av.VideoFrame) -> None:
        time_s = frame.time or 0.0
        self._start = time_s if self._start is None else self._start
        picture = _upright(frame).reformat(self._stream.width, self._stream.height, "yuv420p")
        due = round((time_s - self._start) * FPS) + 1
        while self._sent < due:
            if self._marked:
                picture = marks.picture(picture, self._sent)
            picture.pts, picture.time_base = self._sent, Fraction(1, FPS)
            self._sink.mux(self._stream.encode(picture))
            self._sent += 1

    def finish(self) -> None:
        self._sink.mux(self._stream.encode(None))


class _AudioEncoder:
    """Opus, mono, 20 ms, with in-band FEC as browsers send it."""

    def __init__(self, sink: av.container.OutputContainer, *, marked: bool) -> None:
        self._sink = sink
        self._marked = marked
        self._pts = 0
        self._resampler = av.AudioResampler("s16", "mono", OPUS_RATE, OPUS_SAMPLES)
        self._stream = sink.add_stream("libopus", rate=OPUS_RATE, layout="mono")
        self._stream.bit_rate = 32_000
        self._stream.options = {
            "application": "voip",
            "frame_duration": "20",
            "fec": "1",
            "packet_loss": "5",
        }

    def add(self, frame: av.AudioFrame | None) -> None:
        for piece in self._resampler.resample(frame):
            if self._marked:
                piece = marks.sound(piece, self._pts)
            piece.pts, piece.time_base = self._pts, Fraction(1, OPUS_RATE)
            self._pts += piece.samples
            self._sink.mux(self._stream.encode(piece))

    def finish(self) -> None:
        self.add(None)
        self._sink.mux(self._stream.encode(None))


def _upright(frame: av.VideoFrame) -> av.VideoFrame:
    """A phone's picture as it was held (display matrix, degrees counter-clockwise)."""
    turns = round(frame.rotation / 90) % 4
    if turns == 0:
        return frame
    image = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns), np.uint8)
    return av.VideoFrame.from_ndarray(image, "rgb24")


def _packets(container: av.container.InputContainer) -> Iterator[tuple[str, av.Packet[Any]]]:
    """(audio or video, packet), with H.264 as RTP needs it.

    Matroska keeps lengths before its units; RTP's packers look for start codes (Annex B)
    and want the parameter sets in the stream.
    """
    videos = container.streams.video
    annex_b = None
    if videos and videos[0].codec_context.name == "h264":
        annex_b = BitStreamFilterContext("h264_mp4toannexb", videos[0])
    for packet in container.demux():
        if packet.stream.type == "video" and annex_b is not None and packet.pts is not None:
            yield from (("video", filtered) for filtered in annex_b.filter(packet))
        else:
            yield packet.stream.type, packet


def _read(name: str, path: Path) -> Recording:
    video: list[EncodedPacket] = []
    audio: list[EncodedPacket] = []
    with av.open(str(path)) as container:
        for kind, packet in _packets(container):
            if packet.pts is None or packet.time_base is None:
                continue
            into = video if kind == "video" else audio
            time_s = max(0.0, float(packet.pts * packet.time_base))
            into.append(EncodedPacket(bytes(packet), time_s, packet.is_keyframe))
    ends = [packets[-1].time_s for packets in (video, audio) if packets]
    if not ends:
        raise RecordingError(f"{name}: holds no media that could be sent")
    return Recording(name, max(ends) + 1 / FPS, video, audio)
