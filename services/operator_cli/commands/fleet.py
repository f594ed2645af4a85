"""Commands about the whole installation and its replicas."""

import time
from typing import Annotated

import typer

from services.operator_cli.client import Access, CallError
from services.operator_cli.names import replica_named
from services.operator_cli.output import AsJson, done, show
from services.operator_cli.tables import replicas_table, status_table

MOST = 10_000
POLL_S = 0.5

ReplicaId = Annotated[str, typer.Argument(help="First letters of a replica's id.")]


def add_to(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(replicas)
    app.command()(drain)
    app.command()(undrain)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Sessions, queue, replicas, slots and memory at a glance."""
    found = access_of(context).get("status")
    show(found, status_table(found), as_json=as_json)


def replicas(context: typer.Context, as_json: AsJson = False) -> None:
    """Replicas with their slots, state and measured capacity."""
    found = access_of(context).all("replicas", "replicas", at_most=MOST)
    show(found, replicas_table(found), as_json=as_json)


def drain(
    context: typer.Context,
    replica: ReplicaId,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway", help="Also where players must wait, as no other replica has room."
        ),
    ] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait until the replica is empty.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Empty a replica: its worlds go on elsewhere, and it takes nobody."""
    access = access_of(context)
    replica_id = replica_named(access, replica)
    access.post(f"replicas/{replica_id}/drain", {"anyway": anyway})
    is_empty = _wait_until_empty(access, replica_id, wait_s)
    text = f"{replica_id} is empty." if is_empty else f"{replica_id} is draining."
    done(text, {"id": replica_id, "draining": True, "empty": is_empty}, as_json=as_json)
    if wait_s and not is_empty:
        raise CallError(f"The replica still has sessions after {wait_s:g} s.")


def undrain(context: typer.Context, replica: ReplicaId, as_json: AsJson = False) -> None:
    """Let a drained replica take sessions again."""
    access = access_of(context)
    replica_id = replica_named(access, replica)
    access.post(f"replicas/{replica_id}/undrain")
    done(
        f"{replica_id} takes sessions again.",
        {"id": replica_id, "draining": False},
        as_json=as_json,
    )


def access_of(context: typer.Context) -> Access:
    access = context.obj
    assert isinstance(access, Access)
    return access


def _wait_until_empty(access: Access, replica_id: str, wait_s: float) -> bool:
    """A replica that is gone is empty, too."""
    ends_s = time.monotonic() + wait_s
    while time.monotonic() < ends_s:
        found = access.all("replicas", "replicas", at_most=MOST)
        ours = [r for r in found if r["id"] == replica_id]
        if not ours or (ours[0]["draining"] and not ours[0]["used"]):
            return True
        time.sleep(min(POLL_S, max(0.0, ends_s - time.monotonic())))
    return False
