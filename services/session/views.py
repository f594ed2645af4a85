"""Converts session records to response bodies."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from services.session.messages import CreatedSession, IceServer, SessionView, Stats
from services.session.service import Wait
from services.session.settings import SessionSettings
from services.tokens import Tokens
from services.turn import turn_login
from services.wire.session import SessionRecord, SessionStatus


class SessionViews:
    """Each view carries a fresh token, so a polling page always holds a valid token."""

    def __init__(self, settings: SessionSettings, tokens: Tokens) -> None:
        self._settings = settings
        self._tokens = tokens

    def view(self, record: SessionRecord, wait: Wait | None) -> SessionView:
        return SessionView(**self._seen(record, wait))

    def created(self, record: SessionRecord, wait: Wait | None) -> CreatedSession:
        ingest = self._settings.ingest_url.rstrip("/")
        socket = ingest.replace("http", "ws", 1)
        return CreatedSession(
            **self._seen(record, wait),
            whep_url=f"{ingest}/whep/{record.session_id}",
            actions_url=f"{socket}/v1/sessions/{record.session_id}/actions",
            ice_servers=self._ice_servers(record.session_id),
        )

    def _seen(self, record: SessionRecord, wait: Wait | None) -> dict[str, Any]:
        has_ended = record.status is SessionStatus.ENDED
        age_s = time.time() - record.created_at_ms / 1000  # by two clocks: ours and Redis'
        return {
            "id": record.session_id,
            "status": record.status,
            "world": record.world,
            "start": record.start,
            "seed": record.seed,
            "expires_at": self._expires_at(record),
            "token": None if has_ended else self._tokens.mint(record.session_id),
            "position": wait and wait.position,
            "eta_s": wait and wait.eta_s,
            "reason": record.reason or None,
            "stats": Stats(age_s=max(0.0, age_s), owners=record.epoch),
        }

    def _expires_at(self, record: SessionRecord) -> datetime:
        """When the time of play is up; for a session that spends no time now: if it began to."""
        if record.ends_at_ms:
            return datetime.fromtimestamp(record.ends_at_ms / 1000, UTC)
        left_s = self._settings.max_session_s - record.played_ms / 1000
        return datetime.now(UTC) + timedelta(seconds=max(0.0, left_s))

    def _ice_servers(self, session_id: str) -> list[IceServer]:
        settings = self._settings
        if not settings.ice_servers:
            return []
        username, credential = settings.ice_username, settings.ice_credential
        if settings.ice_secret:
            username, credential = turn_login(
                settings.ice_secret, session_id, lasts_s=settings.max_session_s
            )
        return [
            IceServer(
                urls=list(settings.ice_servers),
                username=username or None,
                credential=credential or None,
            )
        ]
