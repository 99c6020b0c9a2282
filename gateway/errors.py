"""Errors that say what is wrong and what to do, the same for every route."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import nats.errors
import nats.js.errors
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

log = structlog.get_logger(__name__)

RETRY_S = 1


class ApiError(Exception):
    """Becomes a JSON answer ``{error, what_to_do}``."""

    def __init__(
        self,
        status: HTTPStatus,
        error: str,
        what_to_do: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.what_to_do = what_to_do
        self.headers = headers


class Problem(BaseModel):
    """Every error of this API."""

    error: str
    what_to_do: str


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a router's or a route's `responses`."""
    return {status: {"model": Problem} for status in statuses}


def answer(
    status: int, error: str, what_to_do: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"error": error, "what_to_do": what_to_do}, status, headers)


async def _on_api_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return answer(error.status, error.error, error.what_to_do, error.headers)


async def _on_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return answer(
        error.status_code,
        str(error.detail),
        "See /openapi.json for what this server takes.",
        dict(error.headers or {}),
    )


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The input itself stays out of the answer: it may be a resume.
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()
    ]
    return answer(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "; ".join(problems),
        "Correct the named fields and send again.",
    )


async def _on_bus_error(_request: Request, error: Exception) -> JSONResponse:
    log.warning("bus away", error=repr(error))
    return answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The message bus can't be reached just now.",
        "Try again in a moment.",
        {"Retry-After": str(RETRY_S)},
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(nats.errors.Error, _on_bus_error)
    app.add_exception_handler(nats.js.errors.Error, _on_bus_error)
