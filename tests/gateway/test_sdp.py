"""Offers that can't be answered, answers that are amended, fragments; whatever the input."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from gateway import sdp
from gateway.errors import ApiError

OFFERS = Path(__file__).with_name("offers")
CHROMIUM = (OFFERS / "chromium.sdp").read_text().replace("\n", "\r\n")
FIREFOX = (OFFERS / "firefox.sdp").read_text().replace("\n", "\r\n")
BOTH = frozenset({"audio", "video"})
LIMIT = 64
FEEDBACK = "a=rtpmap:96 VP8/90000\r\n" * 64 + "a=rtcp-fb:* nack\r\n" * 128
"""Lines that are few enough, which the parser multiplies."""
CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"


def without_video(offer: str) -> str:
    head, _, rest = offer.partition("m=video")
    return head + "m=application" + rest.partition("m=application")[2]


def media_of(offer: str) -> str:
    return offer.partition("m=")[0] + "m=application" + offer.partition("m=application")[2]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        (lambda offer: "", 400, "neither audio nor video"),
        (lambda offer: "v=0\r\nthis is not SDP\r\n", 400, "neither audio nor video"),
        (lambda offer: "v=0\r\nm=audio\r\n", 400, "not a session description"),
        (lambda offer: offer.replace("a=mid:0", "a=candidate:1"), 400, "not a session desc"),
        (media_of, 400, "neither audio nor video"),
        (lambda offer: offer.replace("a=sendonly", "a=recvonly"), 400, "sends nothing"),
        (lambda offer: offer.replace("a=sendonly", "a=inactive"), 400, "sends nothing"),
        (lambda offer: offer.replace("opus/", "speex/"), 406, "audio codecs"),
        (lambda offer: offer.replace("VP8/", "VP7/").replace("H264/", "H265/"), 406, "video"),
        (lambda offer: offer.replace("a=mid:0\r\n", "a=mid:0\r\n" + CANDIDATE * 65), 400, "64"),
        (lambda offer: offer + "a=x:" + "x" * 65_536, 400, "larger"),
        (lambda offer: offer + "a=x\r\n" * 1_000, 400, "larger"),
        (lambda offer: offer + offer[offer.index("m=") :] * 2, 400, "larger"),
        (lambda offer: offer + "a=rtpmap:96 VP8/90000\r\n" * 128, 400, "larger"),
        (lambda offer: offer + "a=rtcp-fb:96 nack\r\n" * 256, 400, "larger"),
        (lambda offer: offer + FEEDBACK, 400, "larger"),
    ],
)
@pytest.mark.parametrize("offer", [CHROMIUM, FIREFOX], ids=["chromium", "firefox"])
def test_offers_that_are_refused(
    offer: str, change: Callable[[str], str], status: int, word: str
) -> None:
    with pytest.raises(ApiError) as refused:
        sdp.check_offer(change(offer), BOTH, LIMIT)
    assert refused.value.status == status
    assert word in refused.value.error
    assert refused.value.what_to_do


@pytest.mark.parametrize("offer", [CHROMIUM, FIREFOX], ids=["chromium", "firefox"])
def test_offers_that_are_taken(offer: str) -> None:
    assert sdp.check_offer(offer, BOTH, LIMIT) == 0
    assert sdp.check_offer(offer.replace("a=sendonly", "a=sendrecv"), BOTH, LIMIT) == 0
    with_candidates = offer.replace("a=mid:0\r\n", "a=mid:0\r\n" + CANDIDATE * 3)
    assert sdp.check_offer(with_candidates, BOTH, LIMIT) == 3
    assert sdp.check_offer(without_video(offer), frozenset({"audio"}), LIMIT) == 0


def test_an_offer_that_would_be_parsed_for_minutes_is_not_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SessionDescription, "parse", lambda text: pytest.fail("it is parsed"))
    codecs = "".join(f"a=rtpmap:{number % 256} VP8/90000\r\n" for number in range(5_000))
    with pytest.raises(ApiError, match="larger"):
        sdp.check_offer(CHROMIUM + codecs + "a=rtcp-fb:* nack\r\n" * 5_000, BOTH, LIMIT)


def test_there_is_room_for_two_cameras_and_what_browsers_add() -> None:
    camera = "m=video" + CHROMIUM.partition("m=video")[2].partition("m=application")[0]
    codec = "a=rtpmap:{0} VP8/90000\r\n" + "a=rtcp-fb:{0} nack\r\n" * 5
    camera += "".join(codec.format(number) for number in range(20))
    video, _, channel = CHROMIUM.partition("m=application")
    assert sdp.check_offer(video + camera * 2 + "m=application" + channel, BOTH, LIMIT) == 0


def test_what_is_sent_needs_consent() -> None:
    with pytest.raises(ApiError) as refused:
        sdp.check_offer(CHROMIUM, frozenset({"audio"}), LIMIT)
    assert refused.value.status == 403
    assert "video" in refused.value.error


@pytest.mark.parametrize("offer", [CHROMIUM, FIREFOX], ids=["chromium", "firefox"])
def test_start_bitrate(offer: str) -> None:
    amended = sdp.amend_answer(offer)
    assert [line for line in amended.splitlines() if "start-bitrate" not in line] == [
        line for line in offer.splitlines() if not line.startswith("a=fmtp") or not _video(line)
    ]
    for line in amended.splitlines():
        if "start-bitrate" in line:
            assert line.startswith("a=fmtp:")
            assert line.endswith("x-google-start-bitrate=2500")
    assert SessionDescription.parse(amended).media[1].kind == "video"


def _video(line: str) -> bool:
    """Whether an a=fmtp line is of VP8 or H.264 in the offers here."""
    return sdp.payload_of(line) in {"102", "127", "120", "126", "97"} and "apt=" not in line


def test_fragments() -> None:
    got = sdp.trickled(f"a=ice-ufrag:F\r\na=ice-pwd:P\r\na=mid:1\r\n{CANDIDATE}")
    assert (got.ufrag, got.last, len(got.candidates)) == ("F", False, 1)
    assert got.candidates[0].sdpMid == "1"
    assert got.candidates[0].ip == "192.0.2.1"
    got = sdp.trickled(CANDIDATE + "a=end-of-candidates")
    assert got.last
    assert got.candidates[0].sdpMLineIndex == 0
    assert sdp.trickled("").candidates == []


def check_whatever(offer: str) -> None:
    """It is taken, or refused with a word, and nothing else."""
    with contextlib.suppress(ApiError):
        assert 0 <= sdp.check_offer(offer, BOTH, LIMIT) <= LIMIT


sdp_lines = st.sampled_from([*CHROMIUM.splitlines(), *FIREFOX.splitlines()])
noise = st.one_of(st.text(max_size=60), sdp_lines, sdp_lines.map(lambda line: line[:-3] + "\x00"))


@given(st.lists(noise, max_size=60))
def test_whatever_is_offered(lines: list[str]) -> None:
    check_whatever("\r\n".join(lines))


@given(st.data())
def test_whatever_is_changed_in_an_offer(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from([CHROMIUM, FIREFOX])).splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at : at + data.draw(st.integers(0, 2))] = data.draw(st.lists(noise, max_size=2))
    check_whatever("\r\n".join(lines))


@given(
    st.lists(
        st.one_of(
            st.text(max_size=80),
            st.text(max_size=60).map(lambda text: "a=candidate:" + text),
            st.lists(st.integers(-5, 70_000), min_size=8, max_size=12).map(
                lambda numbers: "a=candidate:" + " ".join(map(str, numbers))
            ),
        ),
        max_size=10,
    )
)
def test_whatever_is_trickled(lines: list[str]) -> None:
    with contextlib.suppress(ApiError):
        assert len(sdp.trickled("\n".join(lines)).candidates) <= len(lines)


def test_amending_keeps_the_rest() -> None:
    assert sdp.amend_answer("v=0\r\ns=-\r\n") == "v=0\r\ns=-\r\n"
