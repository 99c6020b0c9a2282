"""Reading offers and amending answers (RFC 8829), before and after aiortc does its part."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from aiortc import RTCIceCandidate
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import SessionDescription, candidate_from_sdp

from gateway.errors import ApiError
from gateway.payload import READERS

START_BITRATE_KBPS = 2500
"""Chromium starts at 300 kbit/s and lowers the picture's size by it; this is VGA at 30 fps
in good quality. Told in Chromium's own fmtp parameter."""

SUPPORTED = {"video": frozenset(READERS), "audio": frozenset({"opus"})}


SENDS = ("sendonly", "sendrecv")

MAX_OFFER = 65_536
"""Characters: ten times what a browser offers with a camera, a microphone and hints."""

MAX_LINES = {"": 1_000, "m=": 8, "a=rtpmap:": 128, "a=rtcp-fb:": 256}
"""Of an offer, by how they start: room for a microphone and two cameras of any browser. aiortc's
parser goes through a section's codecs for each line of feedback, and through its SSRCs for each
line of an SSRC; a section may need sockets of its own."""

MAX_FEEDBACK = 1_024
"""Kinds of feedback of all codecs together. Browsers name the codec in each such line; a line
for all codecs (*) counts for each, and aiortc copies, writes and reads all of it anew."""


def check_offer(text: str, consented: frozenset[str], max_candidates: int) -> int:
    """The number of candidates in it.

    consented: kinds of media that may be sent. Raises ApiError when this is no offer that
    can be answered.
    """
    lines = text.splitlines()
    if len(text) > MAX_OFFER or any(
        sum(line.startswith(start) for line in lines) > most for start, most in MAX_LINES.items()
    ):
        raise too_large()
    try:
        description = SessionDescription.parse(text)
    except Exception as error:  # aiortc's parser raises whatever its input leads it to
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "This is not a session description.",
            "Send the SDP of an RTCPeerConnection's offer as application/sdp.",
        ) from error
    codecs = [codec for section in description.media for codec in section.rtp.codecs]
    if sum(len(codec.rtcpFeedback) for codec in codecs) > MAX_FEEDBACK:
        raise too_large()
    media = [section for section in description.media if section.kind in SUPPORTED]
    if not media:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "The offer has neither audio nor video.",
            "Add a camera or a microphone track before you make the offer.",
        )
    sent = [section.kind for section in media if section.direction in SENDS]
    if not sent:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "The offer sends nothing.",
            "Offer audio or video as sendonly: WHIP is for sending.",
        )
    for section in media:
        if section.direction in SENDS and not any(map(_supported, section.rtp.codecs)):
            raise ApiError(
                HTTPStatus.NOT_ACCEPTABLE,
                f"None of the offered {section.kind} codecs is supported.",
                "Offer Opus for audio, and VP8 or H264 with packetization-mode=1 for video.",
            )
    if refused := sorted(set(sent) - consented):
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            f"The candidate has not consented to {' and '.join(refused)}.",
            "Leave it out of the offer, or start a session with that consent.",
        )
    candidates = sum(len(section.ice_candidates) for section in description.media)
    if candidates > max_candidates:
        raise too_many_candidates(max_candidates)
    return candidates


def _supported(codec: RTCRtpCodecParameters) -> bool:
    kind, _, name = codec.mimeType.lower().partition("/")
    # aiortc knows H.264's mode 1 alone; 0 is the default (RFC 6184, 8.1).
    mode = str(codec.parameters.get("packetization-mode", 0))
    return name in SUPPORTED[kind] and (name != "h264" or mode == "1")


def too_large() -> ApiError:
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "The offer is larger than any that a browser makes.",
        "Offer one camera and one microphone, with the codecs that you want to send.",
    )


def unanswerable() -> ApiError:
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "The offer can't be answered.",
        "Send a complete offer with ICE credentials, a DTLS fingerprint and rtcp-mux.",
    )


def no_ice_restart() -> ApiError:
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "ICE restart is not supported.",
        "Post a fresh offer to the WHIP endpoint with the same token: the session goes on.",
    )


def too_many_candidates(limit: int) -> ApiError:
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        f"A connection may have {limit} ICE candidates.",
        "Leave out addresses at which you can't be reached.",
    )


def amend_answer(text: str) -> str:
    """The answer with a start bitrate for each VP8 and H.264 payload type."""
    lines = text.splitlines()
    video = {
        payload_of(line)
        for line in lines
        if line.startswith("a=rtpmap:") and line.partition(" ")[2].split("/")[0].lower() in READERS
    }
    described = {payload_of(line) for line in lines if line.startswith("a=fmtp:")}
    start = f"x-google-start-bitrate={START_BITRATE_KBPS}"
    amended: list[str] = []
    for line in lines:
        if line.startswith("a=fmtp:") and payload_of(line) in video:
            line += f";{start}"
        amended.append(line)
        if line.startswith("a=rtpmap:") and payload_of(line) in video - described:
            amended.append(f"a=fmtp:{payload_of(line)} {start}")
    return "\r\n".join(amended) + "\r\n"


def payload_of(line: str) -> str:
    """The payload type of an a=rtpmap or a=fmtp line."""
    return line.partition(":")[2].partition(" ")[0]


@dataclass(frozen=True)
class Trickled:
    """A trickle-ice-sdpfrag (RFC 8840)."""

    candidates: list[RTCIceCandidate]
    ufrag: str | None
    """Of the ICE session, where the fragment names it."""
    last: bool
    """No further candidate will come."""


def trickled(fragment: str) -> Trickled:
    """Raises ApiError when it can't be read."""
    candidates: list[RTCIceCandidate] = []
    mid: str | None = None
    ufrag: str | None = None
    last = False
    for line in fragment.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "a=mid":
            mid = value
        elif name == "a=ice-ufrag":
            ufrag = value
        elif name == "a=end-of-candidates":
            last = True
        elif name == "a=candidate":
            candidates.append(_candidate(value, mid))
    return Trickled(candidates, ufrag, last)


def _candidate(value: str, mid: str | None) -> RTCIceCandidate:
    try:
        candidate = candidate_from_sdp(value)
    except (ValueError, IndexError, AssertionError) as error:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "A candidate line can't be read.",
            "Send lines as RTCIceCandidate.candidate gives them.",
        ) from error
    candidate.sdpMid = mid
    if mid is None:
        candidate.sdpMLineIndex = 0
    return candidate
