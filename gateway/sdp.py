"""Reading offers and amending answers (RFC 8829), before and after aiortc does its part."""

from __future__ import annotations

from http import HTTPStatus

from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription, candidate_from_sdp

from gateway.assembly import READERS
from gateway.errors import ApiError

START_BITRATE_KBPS = 2500
"""Chromium starts at 300 kbit/s and lowers the picture's size by it; this is VGA at 30 fps
in good quality. Told in Chromium's own fmtp parameter."""

SUPPORTED = {"video": frozenset(READERS), "audio": frozenset({"opus"})}


def check_offer(text: str) -> None:
    """Raises ApiError when this is no offer that can be answered."""
    try:
        description = SessionDescription.parse(text)
    except Exception as error:  # aiortc's parser raises whatever its input leads it to
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "This is not a session description.",
            "Send the SDP of an RTCPeerConnection's offer as application/sdp.",
        ) from error
    media = [section for section in description.media if section.kind in SUPPORTED]
    if not media:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "The offer has neither audio nor video.",
            "Add a camera or a microphone track before you make the offer.",
        )
    for section in media:
        offered = {codec.name.lower() for codec in section.rtp.codecs}
        if not offered & SUPPORTED[section.kind]:
            names = ", ".join(sorted(SUPPORTED[section.kind]))
            raise ApiError(
                HTTPStatus.NOT_ACCEPTABLE,
                f"None of the offered {section.kind} codecs is supported.",
                f"Offer one of: {names}.",
            )
        if section.direction not in ("sendonly", "sendrecv"):
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                f"The {section.kind} section sends nothing ({section.direction}).",
                "Offer it as sendonly: WHIP is for sending.",
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


def amend_answer(text: str) -> str:
    """The answer with a start bitrate for each VP8 and H.264 payload type."""
    lines = text.splitlines()
    kept: list[str] = []
    video = {
        line.removeprefix("a=rtpmap:").partition(" ")[0]
        for line in lines
        if line.startswith("a=rtpmap:") and line.partition(" ")[2].split("/")[0].lower() in READERS
    }
    amended: set[str] = set()
    for line in lines:
        if line.startswith("a=fmtp:"):
            payload = line.removeprefix("a=fmtp:").partition(" ")[0]
            if payload in video:
                line += f";x-google-start-bitrate={START_BITRATE_KBPS}"
                amended.add(payload)
        kept.append(line)
    result: list[str] = []
    for line in kept:
        result.append(line)
        if line.startswith("a=rtpmap:"):
            payload = line.removeprefix("a=rtpmap:").partition(" ")[0]
            if payload in video - amended:
                result.append(f"a=fmtp:{payload} x-google-start-bitrate={START_BITRATE_KBPS}")
    return "\r\n".join(result) + "\r\n"


def trickled(fragment: str) -> tuple[list[RTCIceCandidate], str | None]:
    """Candidates of a trickle-ice-sdpfrag (RFC 8840), and its ice-ufrag if it names one.

    Raises ApiError when it can't be read.
    """
    candidates: list[RTCIceCandidate] = []
    mid: str | None = None
    ufrag: str | None = None
    for line in fragment.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "a=mid":
            mid = value
        elif name == "a=ice-ufrag":
            ufrag = value
        elif name == "a=candidate":
            try:
                candidate = candidate_from_sdp(value)
            except (ValueError, IndexError, AssertionError) as error:
                raise ApiError(
                    HTTPStatus.BAD_REQUEST,
                    "A candidate line can't be read.",
                    "Send lines as RTCIceCandidate.candidate gives them.",
                ) from error
            candidate.sdpMid = mid
            candidates.append(candidate)
    return candidates, ufrag
