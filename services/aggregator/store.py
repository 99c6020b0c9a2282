"""Reports that last: SQLAlchemy, SQLite in WAL mode by default, PostgreSQL by its URL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from greenroom.v1.report_pb2 import Report
from sqlalchemy import BigInteger, LargeBinary, String, delete, event, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, defer, mapped_column

from services.aggregator.history import MOST_REPORTS, without_erased
from services.aggregator.report import to_json

log = structlog.get_logger(__name__)

CONNECTIONS = 4
"""At most, each with a thread of its own on SQLite: reports are short work."""

OWNER_ONLY = 0o600
"""A report says what was said."""

NO_PATHS = (":memory:", "file:")
"""Databases that are no file, or whose URI names it (https://sqlite.org/uri.html)."""

MIGRATIONS = Path(__file__).with_name("migrations")


class Base(DeclarativeBase):
    pass


class StoredReport(Base):
    """One session's report. Nothing here names a person: candidate_id is a hash."""

    __tablename__ = "reports"

    session_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(String(64), index=True)
    started_us: Mapped[int] = mapped_column(BigInteger)
    json: Mapped[bytes] = mapped_column(LargeBinary)
    """Canonical UTF-8: the bytes that were written."""
    message: Mapped[bytes] = mapped_column(LargeBinary)
    """The same as protobuf."""


class Store:
    """Use ``async with Store(url)``; brings the database's schema up to date first."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,  # an error's text would hold parts of a report
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine.sync_engine, "connect", _set_pragmas)

    async def __aenter__(self) -> Store:
        file = self._engine.url.database or ""
        if self._engine.dialect.name == "sqlite" and file and not file.startswith(NO_PATHS):
            await asyncio.to_thread(_make_private, Path(file))
        async with self._engine.begin() as connection:
            await connection.run_sync(_migrate)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    async def put(self, candidate_id: str, report: Report) -> None:
        """Write or replace a session's report."""
        stored = await _row(candidate_id, report)
        async with self._sessions.begin() as session:
            await session.merge(stored)

    async def get(self, session_id: str) -> StoredReport | None:
        async with self._sessions() as session:
            return await session.get(StoredReport, session_id)

    async def of_candidate(self, candidate_id: str) -> Sequence[StoredReport]:
        """Oldest first; without their JSON."""
        wanted = (
            select(StoredReport)
            .options(defer(StoredReport.json, raiseload=True))
            .where(StoredReport.candidate_id == candidate_id)
            .order_by(StoredReport.started_us, StoredReport.session_id)
        )
        async with self._sessions() as session:
            return (await session.scalars(wanted)).all()

    async def before(self, candidate_id: str, started_us: int, count: int) -> list[Report]:
        """The newest reports of the candidate's earlier practices, newest first."""
        async with self._sessions() as session:
            return await _before(session, candidate_id, started_us, count)

    async def erase(self, *, session_id: str = "", candidate_id: str = "") -> list[str]:
        """Delete one session's report, or all of a candidate; returns the sessions' ids. What the
        candidate's later reports hold of an erased one goes too."""
        if not session_id and not candidate_id:
            return []
        of = (
            StoredReport.session_id == session_id
            if session_id
            else StoredReport.candidate_id == candidate_id
        )
        async with self._sessions.begin() as session:
            wanted = select(
                StoredReport.session_id, StoredReport.candidate_id, StoredReport.started_us
            ).where(of)
            gone = (await session.execute(wanted)).all()
            await session.execute(delete(StoredReport).where(of))
            if session_id:  # else no later ones are left
                for _, of_candidate, started_us in gone:
                    await _forget(session, of_candidate, started_us)
        if gone and self._engine.dialect.name == "sqlite":
            await self._truncate_log()
        return [erased for erased, _, _ in gone]

    async def _truncate_log(self) -> None:
        """What was erased must not linger in SQLite's write-ahead log; the pages themselves
        are overwritten by secure_delete."""
        async with self._engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


async def _row(candidate_id: str, report: Report) -> StoredReport:
    return StoredReport(
        session_id=report.session_id,
        candidate_id=candidate_id,
        started_us=report.started_us,
        json=(await asyncio.to_thread(to_json, report)).encode(),
        message=report.SerializeToString(deterministic=True),
    )


async def _before(
    session: AsyncSession, candidate_id: str, started_us: int, count: int
) -> list[Report]:
    wanted = (
        select(StoredReport.message)
        .where(StoredReport.candidate_id == candidate_id, StoredReport.started_us < started_us)
        .order_by(StoredReport.started_us.desc(), StoredReport.session_id.desc())
        .limit(count)
    )
    return [Report.FromString(message) for message in await session.scalars(wanted)]


async def _forget(session: AsyncSession, candidate_id: str, started_us: int) -> None:
    """An erased report, in those that may have been compared with it: the candidate's next."""
    wanted = (
        select(StoredReport.message)
        .where(StoredReport.candidate_id == candidate_id, StoredReport.started_us > started_us)
        .order_by(StoredReport.started_us, StoredReport.session_id)
        .limit(MOST_REPORTS)
    )
    for message in (await session.scalars(wanted)).all():
        report = Report.FromString(message)
        earlier = await _before(session, candidate_id, report.started_us, MOST_REPORTS)
        left = await asyncio.to_thread(without_erased, report, earlier)
        await session.merge(await _row(candidate_id, left))


def _make_private(file: Path) -> None:
    """Nobody else's on this machine; SQLite gives the files beside it the same mode."""
    if not file.exists():
        file.touch(mode=OWNER_ONLY)
    for each in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        try:
            each.chmod(OWNER_ONLY)
        except FileNotFoundError:
            pass
        except PermissionError:
            log.warning("the reports' file is another user's: who may read it is theirs to say")


def _set_pragmas(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
