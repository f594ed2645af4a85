"""The command that examines an installation."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from services.operator_cli.commands.fleet import access_of
from services.operator_cli.doctor.checks import examine
from services.operator_cli.doctor.findings import Finding, Health
from services.operator_cli.doctor.probes import look
from services.operator_cli.output import AsJson, make_table, show

SICK = 4
DEFAULT_SERVICES = {
    "session": "http://127.0.0.1:8091",
    "ingest": "http://127.0.0.1:8090",
    "generation": "http://127.0.0.1:8082",
    "training": "http://127.0.0.1:8093",
}


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    context: typer.Context,
    ops: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="A service's port for operators, once for each service; replaces the defaults.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Examine services, Redis, secrets, TURN and GPUs; say what to do. Exit code 4 if bad."""
    services = dict(map(_named, ops)) if ops else DEFAULT_SERVICES
    findings = examine(look(access_of(context), services))
    rows = [(f.subject, f.verdict.value, f"{f.detail}. {f.advice}".strip(" .")) for f in findings]
    table = make_table(("what", "verdict", "finding"), rows, empty="")
    show([asdict(finding) for finding in findings], table, as_json=as_json)
    if _is_sick(findings):
        raise typer.Exit(SICK)


def _is_sick(findings: Sequence[Finding]) -> bool:
    return any(finding.verdict is Health.BAD for finding in findings)


def _named(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if not (name and url):
        raise typer.BadParameter(f"must be NAME=URL, got {text!r}", param_hint="--ops")
    return name, url.rstrip("/")
