"""The session service as a process: refused settings."""

import pytest

from services.session.__main__ import main


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("NEXTFRAME_TOKEN_SECRET", "short", "NEXTFRAME_TOKEN_SECRET must have at least 32"),
        ("NEXTFRAME_REDIS_URL", "redis://:S3cr/et@h/0", "NEXTFRAME_REDIS_URL cannot be read"),
        ("NEXTFRAME_SESSION_PORT", "http", "NEXTFRAME_SESSION_PORT must be int"),
        ("NEXTFRAME_SESSION_INGEST_URL", "edge:80", r"INGEST_URL must be http\(s\)://host"),
        ("NEXTFRAME_SESSION_ALLOWED_ORIGINS", "*", r"ALLOWED_ORIGINS must be http\(s\)://host"),
    ],
)
def test_a_wrong_setting_stops_it_with_the_variables_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv("NEXTFRAME_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("NEXTFRAME_TOKEN_SECRET", "s" * 32)
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=complaint):
        main()
