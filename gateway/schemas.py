"""Requests and answers of the HTTP API."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=20_000)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConsentRequest(Request):
    """What the candidate agrees to. Recording and training are off unless asked for."""

    camera: bool = True
    microphone: bool = True
    keep_recording: bool = False
    training: bool = False


class PointRequest(Request):
    id: Annotated[str, Field(min_length=1, max_length=64)]
    text: Annotated[str, Field(min_length=1, max_length=500)]
    weight: Annotated[float, Field(gt=0, le=10)] = 1.0


class QuestionRequest(Request):
    """A question of one's own, instead of the bank's."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    text: Annotated[str, Field(min_length=3, max_length=500)]
    competence: Annotated[str, Field(max_length=100)] = ""
    style: Annotated[str, Field(max_length=40)] = ""
    seconds: Annotated[int, Field(ge=15, le=600)] = 90
    points: Annotated[list[PointRequest], Field(max_length=12)] = []


class SessionRequest(Request):
    role: Annotated[str, Field(max_length=100)] = ""
    resume: dict[str, Any] | Text | None = None
    """JSON Resume, or plain text."""
    job: dict[str, Any] | Text | None = None
    """JSON Resume's job description, or plain text."""
    question_count: Annotated[int, Field(ge=1, le=12)] = 3
    questions: Annotated[list[QuestionRequest], Field(max_length=12)] = []
    consent: ConsentRequest = ConsentRequest()
    live_hints: bool = True


class QuestionAnswer(BaseModel):
    id: str
    text: str
    why: str
    seconds: int
    style: str
    competence: str
    follow_ups: list[str]


class IceServer(BaseModel):
    """As RTCIceServer of the WebRTC API."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class SessionCreated(BaseModel):
    session_id: str
    token: str
    """Shown once: only its hash is kept."""
    candidate_id: str
    candidate_token: str
    """Keep it to come back as the same candidate, to export and to erase."""
    expires_at: int
    """Unix seconds."""
    now_ms: int
    """The gateway's clock at this answer, Unix milliseconds: all times of a report are by it."""
    questions: list[QuestionAnswer]
    whip_url: str
    events_url: str
    report_url: str
    ice_servers: list[IceServer]


class SessionState(BaseModel):
    session_id: str
    state: str
    """waiting, connected, disconnected or ended."""
    expires_at: int
    live_hints: bool
    questions: list[QuestionAnswer]
    current_question: str | None


class QuestionChange(Request):
    question_id: Annotated[str, Field(min_length=1, max_length=64)]
    attempt: Annotated[int, Field(ge=0, le=20)] = 0
    ask: Annotated[
        str, Field(max_length=64, description="names this asking: sent twice it counts once")
    ] = ""


class EndRequest(Request):
    reason: Annotated[str, Field(max_length=40)] = "candidate"


class HintShownRequest(Request):
    latency_ms: Annotated[float, Field(ge=0, le=60_000)]


class MeasureAnswer(BaseModel):
    """A measure in words; low and high bound what is usual, where that is known."""

    name: str
    unit: str
    formula: str
    source: str
    low: float | None
    high: float | None
