"""Commands about sessions."""

from typing import Annotated

import typer

from services.operator_cli.commands.fleet import access_of
from services.operator_cli.names import session_named
from services.operator_cli.output import AsJson, done, show
from services.operator_cli.tables import sessions_table

SessionId = Annotated[str, typer.Argument(help="First letters of a session's id.")]


def add_to(app: typer.Typer) -> None:
    app.command()(sessions)
    app.command()(move)
    app.command()(end)


def sessions(
    context: typer.Context,
    world: Annotated[str, typer.Option(help="Only of this world.")] = "",
    status: Annotated[
        str, typer.Option(help="Only queued, starting, live or paused sessions.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Sessions that have not ended, the next to end first."""
    found = access_of(context).all(
        "sessions", "sessions", at_most=limit, world=world, status=status
    )
    show(found, sessions_table(found), as_json=as_json)


def move(context: typer.Context, session: SessionId, as_json: AsJson = False) -> None:
    """Let a session go on at another replica."""
    access = access_of(context)
    session_id = session_named(access, session)
    access.post(f"sessions/{session_id}/move")
    done(f"{session_id} moves.", {"id": session_id}, as_json=as_json)


def end(
    context: typer.Context,
    session: SessionId,
    reason: Annotated[str, typer.Option(help="What the player reads.")] = "",
    as_json: AsJson = False,
) -> None:
    """End a session. Its world is gone."""
    access = access_of(context)
    session_id = session_named(access, session)
    access.post(f"sessions/{session_id}/end", {"reason": reason} if reason else None)
    done(f"{session_id} has ended.", {"id": session_id}, as_json=as_json)
