"""Sessions and their tokens, kept in JetStream KV so that any gateway can go on with them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from http import HTTPStatus

from greenroom.v1.common_pb2 import Header
from greenroom.v1.session_pb2 import (
    Consent,
    Question,
    SessionEnded,
    SessionEvent,
    SessionInfo,
    SessionStarted,
)
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError, NoKeysError

from gateway.clock import now_us
from gateway.errors import ApiError
from services.runtime.bus import Bus
from services.runtime.media import MICROSECONDS

TOKEN_BYTES = 32
SESSION_ID_BYTES = 12
SESSION_ID = re.compile(r"[0-9a-f]{24}")
"""As `secrets.token_hex` makes them; nothing else may become part of a NATS subject."""

CANDIDATE_ID_LENGTH = 24
"""Hex digits of the token's hash: 96 bits, no two candidates share one by chance."""

MIN_CANDIDATE_TOKEN = 40
"""Characters, of the 43 that ours have: who makes one up could guess another's."""

CAS_TRIES = 20


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def candidate_id_of(candidate_token: str) -> str:
    """A candidate is who holds the token: nothing about them need be stored."""
    digest = hashlib.sha256(b"candidate:" + candidate_token.encode()).hexdigest()
    return digest[:CANDIDATE_ID_LENGTH]


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header (RFC 6750)."""
    scheme, _, token = (authorization or "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def candidate_of(authorization: str | None) -> str:
    """The candidate id of a candidate token. Raises ApiError 401."""
    token = bearer(authorization)
    if token is None:
        raise ApiError(
            HTTPStatus.UNAUTHORIZED,
            "A candidate token is needed.",
            "Send 'Authorization: Bearer TOKEN' with the candidate_token of POST /api/sessions.",
            {"WWW-Authenticate": "Bearer"},
        )
    if len(token) < MIN_CANDIDATE_TOKEN:
        raise ApiError(
            HTTPStatus.UNAUTHORIZED,
            "This is no candidate token.",
            "Send the candidate_token that POST /api/sessions gave, or none to start anew.",
            {"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return candidate_id_of(token)


class Registry:
    """Creates, finds and ends sessions."""

    def __init__(self, bus: Bus, session_minutes: float) -> None:
        self._bus = bus
        self._lifetime_us = int(session_minutes * 60 * MICROSECONDS)

    async def create(
        self, candidate_id: str, questions: list[Question], consent: Consent, live_hints: bool
    ) -> tuple[SessionInfo, str]:
        """A new session and its token, whose hash alone is kept."""
        token = new_token()
        now = now_us()
        info = SessionInfo(
            session_id=secrets.token_hex(SESSION_ID_BYTES),
            candidate_id=candidate_id,
            token_sha256=hashlib.sha256(token.encode()).digest(),
            created_us=now,
            expires_us=now + self._lifetime_us,
            question_ids=[question.id for question in questions],
            consent=consent,
            live_hints=live_hints,
        )
        started = SessionStarted(
            candidate_id=candidate_id, questions=questions, consent=consent, live_hints=live_hints
        )
        # The event first: who sees the session in the bucket finds its beginning in the stream.
        await self.say(info.session_id, SessionEvent(started=started), "started")
        await self._bus.sessions.put(info.session_id, info.SerializeToString())
        return info, token

    async def find(self, session_id: str) -> SessionInfo:
        """Raises ApiError 404."""
        return (await self._entry(session_id))[0]

    async def authorize(
        self, session_id: str, authorization: str | None, *, live: bool = True
    ) -> SessionInfo:
        """The session that a bearer token opens.

        live: it must also go on. Raises ApiError 401 (no token, or expired), 403 (wrong
        token), 404 (no such session), 410 (ended).
        """
        token = bearer(authorization)
        if token is None:
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "A session token is needed.",
                "Send 'Authorization: Bearer TOKEN' with the token of POST /api/sessions.",
                {"WWW-Authenticate": "Bearer"},
            )
        info = await self.find(session_id)
        digest = hashlib.sha256(token.encode()).digest()
        if not hmac.compare_digest(digest, info.token_sha256):
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                "This token is not this session's.",
                "Use the token that POST /api/sessions gave for this session.",
            )
        if info.expires_us < now_us():
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "This session has expired.",
                "Start a new practice.",
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        if live and info.ended:
            raise ApiError(
                HTTPStatus.GONE,
                "This session has ended.",
                "Read its report, or start a new practice.",
            )
        return info

    async def end(self, session_id: str, reason: str) -> None:
        """Once: a second end changes nothing."""
        await self.say(session_id, SessionEvent(ended=SessionEnded(reason=reason)), "ended")

        def set_ended(info: SessionInfo) -> None:
            info.ended = True

        await self.change(session_id, set_ended)

    async def change(self, session_id: str, change: Callable[[SessionInfo], None]) -> None:
        """Compare-and-set on the session's entry; the aggregator changes it too."""
        for _ in range(CAS_TRIES):
            info, revision = await self._entry(session_id)
            before = info.SerializeToString()
            change(info)
            if info.SerializeToString() == before:
                return
            try:
                await self._bus.sessions.update(session_id, info.SerializeToString(), last=revision)
            except KeyWrongLastSequenceError:
                await asyncio.sleep(0)
                continue
            return
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The session is being changed by many at once.",
            "Try again.",
            {"Retry-After": "1"},
        )

    async def say(
        self, session_id: str, event: SessionEvent, message_id: str | None = None
    ) -> None:
        """Publish a lifecycle event; with a message id only once."""
        event.header.CopyFrom(Header(session_id=session_id, capture_time_us=now_us()))
        await self._bus.publish_event(event, message_id)

    async def all(self) -> list[SessionInfo]:
        """Every session that the bucket still holds."""
        try:
            keys = await self._bus.sessions.keys()
        except NoKeysError:
            return []
        infos = []
        for key in keys:
            with contextlib.suppress(ApiError):  # erased meanwhile
                infos.append(await self.find(key))
        return infos

    async def sessions_of(self, candidate_id: str) -> list[str]:
        """Ids of the candidate's sessions that the bucket still holds."""
        return [info.session_id for info in await self.all() if info.candidate_id == candidate_id]

    async def _entry(self, session_id: str) -> tuple[SessionInfo, int]:
        if not SESSION_ID.fullmatch(session_id):
            raise unknown_session()
        try:
            entry = await self._bus.sessions.get(session_id)
        except KeyNotFoundError as error:
            raise unknown_session() from error
        return SessionInfo.FromString(entry.value or b""), entry.revision or 0


def unknown_session() -> ApiError:
    return ApiError(
        HTTPStatus.NOT_FOUND, "There is no such session.", "Start one with POST /api/sessions."
    )
