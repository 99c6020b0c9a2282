"""Recordings, encoded once and kept; identity burnt in and read back; files that won't do."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.video import JpegEncoder, new_decoder
from loadtest.burn import CHIRPS, ChirpFinder, read_picture
from loadtest.recording import CODECS, Recording, RecordingError, load, load_all

CLIP = "video_grid/grid_brbk7n.mpg"
RATE = 16_000
CHUNK = 640


def pictures(recording: Recording) -> list[bytes]:
    """As the gateway would put them on the bus."""
    decoder = new_decoder({"VP8": "vp8", "H264": "h264"}[recording.codec])
    encoder = JpegEncoder(640, 85)
    frames = [f for packet in recording.video for f in decoder.decode(av.Packet(packet.data))]
    return [encoder.encode(frame)[0] for frame in frames]


def chirps(recording: Recording) -> list[tuple[int, int]]:
    """(second at which a chirp ended, its number modulo CHIRPS)."""
    decoder = av.CodecContext.create("libopus", "r")
    resampler = av.AudioResampler("s16", "mono", RATE)
    sound = np.concatenate(
        [
            piece.to_ndarray()[0]
            for packet in recording.audio
            for frame in decoder.decode(av.Packet(packet.data))
            for piece in resampler.resample(frame)
        ]
    )
    finder = ChirpFinder(RATE)
    starts = range(0, len(sound) - CHUNK, CHUNK)
    found = [(round(at / RATE), finder.add(sound[at : at + CHUNK])) for at in starts]
    return [(second, number) for second, number in found if number is not None]


@pytest.mark.parametrize("codec", CODECS)
def test_burnt_identity_survives_both_codecs_and_jpeg(
    shared_data: Path, tmp_path: Path, codec: str
) -> None:
    made = load(shared_data / CLIP, tmp_path, codec=codec, burn=True)
    numbers = [read_picture(jpeg) for jpeg in pictures(made)]
    assert numbers == list(range(len(made.video)))
    found = chirps(made)
    assert found == [(n, n % CHIRPS) for n in range(len(found))]
    assert len(found) >= int(made.duration_s)


def test_chirps_tell_each_other_apart_in_speech_and_through_opus(
    shared_data: Path, tmp_path: Path
) -> None:
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(shared_data / CLIP)) as clip:
        pieces = [p.to_ndarray()[0] for f in clip.decode(audio=0) for p in resampler.resample(f)]
    speech = np.concatenate(pieces)[: RATE * 5 // 2]  # the chirps fall into other words each time
    with wave.open(str(tmp_path / "speech.wav"), "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", ""))
        sound.writeframes(np.tile(speech, 8).tobytes())
    found = chirps(load(tmp_path / "speech.wav", tmp_path, burn=True))
    assert set(found) <= {(n, n % CHIRPS) for n in range(20)}
    assert len(found) >= 18, "a loud word may drown one, and must not change it"
    assert chirps(load(tmp_path / "speech.wav", tmp_path)) == []


def test_an_unmarked_recording_has_no_identity(shared_data: Path, tmp_path: Path) -> None:
    made = load(shared_data / CLIP, tmp_path)
    numbers = [read_picture(jpeg) for jpeg in pictures(made)]
    # One in 256 by chance, were the check not made to refuse what is uniform.
    assert sum(number is not None for number in numbers) <= 2
    assert chirps(made) == []


def test_encoded_once(shared_data: Path, tmp_path: Path) -> None:
    first = load(shared_data / CLIP, tmp_path)
    [kept] = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    assert load(shared_data / CLIP, tmp_path) == first
    assert kept.stat().st_mtime_ns == written


def test_a_folder_is_all_its_recordings(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    with pytest.raises(RecordingError, match="holds no video or sound"):
        load_all([tmp_path])
    for name in ("b.mpg", "a.mpg"):
        (tmp_path / name).symlink_to(shared_data / CLIP)
    assert [made.name for made in load_all([tmp_path])] == ["a.mpg", "b.mpg"]


@pytest.mark.parametrize("codec", ["AV1", "vp8 "])
def test_an_unknown_codec(shared_data: Path, codec: str) -> None:
    with pytest.raises(RecordingError, match="VP8, H264"):
        load(shared_data / CLIP, codec=codec)


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream("libmp3lame", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4_800), np.int16), "s16", "mono")
        frame.sample_rate = 48_000
        for piece in av.AudioResampler("s16p", "mono", 48_000, 1_152).resample(frame):
            sink.mux(stream.encode(piece))
        sink.mux(stream.encode(None))
    cover = JpegEncoder(64, 85).encode(av.VideoFrame(64, 64, "yuv420p"))[0]
    body = b"\0image/jpeg\0\x03\0" + cover
    apic = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(apic) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\0" + size + apic + path.read_bytes())
    with av.open(str(path)) as source:
        assert source.streams.video, "FFmpeg takes the cover for one"
    made = load(path, tmp_path / "cache")
    assert made.audio
    assert not made.video


def test_what_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "words.mp4"
    path.write_text("not a video")
    with pytest.raises(RecordingError, match="can't be read as video or sound"):
        load(path, tmp_path / "cache")
    with pytest.raises(RecordingError, match="no such file"):
        load(tmp_path / "none.mp4", tmp_path / "cache")


def test_a_recording_that_can_not_be_read() -> None:
    """A file whose first bytes give an error, whoever asks."""
    with pytest.raises(RecordingError, match="/proc/self/mem: can't be read"):
        load(Path("/proc/self/mem"))


def test_a_cache_that_can_not_be_written(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="XDG_CACHE_HOME"):
        load(shared_data / CLIP, tmp_path / "file" / "cache")
