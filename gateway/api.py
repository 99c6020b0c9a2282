"""Sessions, questions, reports and a candidate's own data, for browsers."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import APIRouter, Request
from greenroom.v1.session_pb2 import (
    Consent,
    ExpectedPoint,
    HintShown,
    Question,
    QuestionStarted,
    SessionEvent,
    SessionInfo,
    SessionPaused,
    SessionResumed,
)
from prometheus_client import Histogram
from sse_starlette import EventSourceResponse

from gateway import errors
from gateway.clock import now_us
from gateway.context import Authorization, Context, context_of
from gateway.errors import ApiError
from gateway.forward import FORWARDED
from gateway.registry import bearer, candidate_of, new_token
from gateway.schemas import (
    EndRequest,
    HintShownRequest,
    IceServer,
    MeasureAnswer,
    QuestionAnswer,
    QuestionChange,
    SessionCreated,
    SessionRequest,
    SessionState,
)
from services.runtime import telemetry
from services.runtime.measures import MEASURES
from services.runtime.media import MICROSECONDS
from services.runtime.questions import ResumeError, choose

router = APIRouter(
    prefix="/api",
    tags=["sessions"],
    responses=errors.documented(401, 403, 404, 409, 410, 413, 422, 429, 503),
)

SSE_PING_S = 15

HINT_SHOWN = Histogram(
    "greenroom_hint_shown_seconds",
    "From a hint's arrival to the screen, as the pages tell it",
    buckets=telemetry.LATENCY_BUCKETS,
)


def question_answer(question: Question) -> QuestionAnswer:
    return QuestionAnswer(
        id=question.id,
        text=question.text,
        why=question.why,
        seconds=question.seconds,
        style=question.style,
        competence=question.competence,
        follow_ups=list(question.follow_ups),
    )


def _questions(body: SessionRequest) -> list[Question]:
    if body.questions:
        return [
            Question(
                id=own.id,
                text=own.text,
                competence=own.competence,
                style=own.style,
                seconds=own.seconds,
                points=[ExpectedPoint(**point.model_dump()) for point in own.points],
                why="You chose this question yourself.",
            )
            for own in body.questions
        ]
    try:
        return choose(body.resume, body.job, body.role, body.question_count)
    except ResumeError as error:
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            str(error),
            "Send JSON Resume (jsonresume.org), or plain text instead.",
        ) from error


@router.post("/sessions", status_code=HTTPStatus.CREATED)
async def create_session(
    request: Request, body: SessionRequest, authorization: Authorization = None
) -> SessionCreated:
    """A new practice. A returning candidate sends the candidate_token of an earlier one."""
    if not (body.consent.camera or body.consent.microphone):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Neither camera nor microphone is consented to: there is nothing to practise with.",
            "Consent to one of them.",
        )
    context = context_of(request)
    candidate_token = bearer(authorization) or new_token()
    candidate_id = candidate_of(f"Bearer {candidate_token}")
    consent = Consent(**body.consent.model_dump())
    async with context.sessions.another(with_room=FORWARDED in request.headers):
        chosen = _questions(body)
        info, token = await context.registry.create(candidate_id, chosen, consent, body.live_hints)
        await context.sessions.open(info)
    session = info.session_id
    settings = context.settings
    return SessionCreated(
        session_id=session,
        token=token,
        candidate_id=candidate_id,
        candidate_token=candidate_token,
        expires_at=info.expires_us // MICROSECONDS,
        now_ms=now_us() // 1000,
        questions=[question_answer(question) for question in chosen],
        whip_url=f"/whip/{session}",
        events_url=f"/api/sessions/{session}/events",
        report_url=f"/api/sessions/{session}/report",
        ice_servers=[
            IceServer(
                urls=[url], username=settings.ice_username, credential=settings.ice_credential
            )
            for url in settings.ice_servers
        ],
    )


@router.get("/sessions/{session_id}")
async def get_session(
    request: Request, session_id: str, authorization: Authorization = None
) -> SessionState:
    context = context_of(request)
    info = await context.registry.authorize(session_id, authorization, live=False)
    live = context.sessions.get(session_id)
    state = "ended" if info.ended else "waiting"
    if live and not info.ended:
        state = "connected" if live.connected else state
        state = "disconnected" if live.ever_connected and not live.connected else state
    started = await context.bus.started(session_id)
    return SessionState(
        session_id=session_id,
        state=state,
        expires_at=info.expires_us // MICROSECONDS,
        live_hints=info.live_hints,
        questions=[question_answer(question) for question in started.questions],
        current_question=live.current_question if live else None,
    )


async def _event(
    request: Request, session_id: str, authorization: str | None, event: SessionEvent
) -> tuple[Context, SessionInfo]:
    context = context_of(request)
    info = await context.registry.authorize(session_id, authorization)
    await context.registry.say(session_id, event)
    return context, info


@router.post("/sessions/{session_id}/question", status_code=HTTPStatus.NO_CONTENT)
async def change_question(
    request: Request, session_id: str, body: QuestionChange, authorization: Authorization = None
) -> None:
    """The candidate now hears this question; attempt > 0: once more."""
    context = context_of(request)
    info = await context.registry.authorize(session_id, authorization)
    if body.question_id not in info.question_ids:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "This session has no such question.",
            "Use an id of the session's questions.",
        )
    started = QuestionStarted(question_id=body.question_id, attempt=body.attempt)
    once = f"question.{body.ask or secrets.token_hex(8)}"
    await context.registry.say(session_id, SessionEvent(question_started=started), once)
    live = await context.sessions.open(info)
    live.current_question = body.question_id
    live.tell({"type": "question", "question_id": body.question_id, "attempt": body.attempt})


@router.post("/sessions/{session_id}/pause", status_code=HTTPStatus.NO_CONTENT)
async def pause(request: Request, session_id: str, authorization: Authorization = None) -> None:
    await _event(request, session_id, authorization, SessionEvent(paused=SessionPaused()))


@router.post("/sessions/{session_id}/resume", status_code=HTTPStatus.NO_CONTENT)
async def resume(request: Request, session_id: str, authorization: Authorization = None) -> None:
    await _event(request, session_id, authorization, SessionEvent(resumed=SessionResumed()))


@router.post("/sessions/{session_id}/end", status_code=HTTPStatus.NO_CONTENT)
async def end_session(
    request: Request,
    session_id: str,
    body: EndRequest | None = None,
    authorization: Authorization = None,
) -> None:
    """Ends the session; its report follows within seconds. A second call changes nothing."""
    context = context_of(request)
    info = await context.registry.authorize(session_id, authorization, live=False)
    if not info.ended:
        await context.sessions.end(session_id, (body or EndRequest()).reason)


@router.post("/sessions/{session_id}/hints/{hint_id}/shown", status_code=HTTPStatus.NO_CONTENT)
async def hint_shown(
    request: Request,
    session_id: str,
    hint_id: str,
    body: HintShownRequest,
    authorization: Authorization = None,
) -> None:
    """How long a hint took from its arrival to the screen."""
    shown = HintShown(hint_id=hint_id[:64])
    await _event(request, session_id, authorization, SessionEvent(hint_shown=shown))
    HINT_SHOWN.observe(body.latency_ms / 1000)


@router.get("/sessions/{session_id}/events", response_class=EventSourceResponse)
async def events(
    request: Request, session_id: str, authorization: Authorization = None
) -> EventSourceResponse:
    """Server-sent events: hints, captions, questions, the session's state."""
    context = context_of(request)
    info = await context.registry.authorize(session_id, authorization)
    live = await context.sessions.open(info)
    listener = live.subscribe()

    async def messages() -> AsyncIterator[dict[str, str]]:
        try:
            while True:
                message = await listener.get()
                yield {"event": message["type"], "data": json.dumps(message)}
                if message["type"] == "state" and message["state"] == "closed":
                    return
        finally:
            live.unsubscribe(listener)

    return EventSourceResponse(messages(), ping=SSE_PING_S)


@router.get("/measures", responses={})
async def measures(request: Request) -> dict[str, MeasureAnswer]:
    """What each measure is called, how it is made, and what is usual: for explaining numbers."""
    affect = context_of(request).settings.affect
    return {
        name: MeasureAnswer(
            name=measure.name,
            unit=measure.unit,
            formula=measure.formula,
            source=measure.source,
            low=measure.low,
            high=measure.high,
        )
        for name, measure in MEASURES.items()
        if affect or not measure.affect
    }
