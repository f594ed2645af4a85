"""Commands about addresses that may open no session."""

from typing import Annotated
from urllib.parse import quote

import typer

from services.operator_cli.commands.fleet import access_of
from services.operator_cli.output import AsJson, done, show
from services.operator_cli.tables import blocks_table, moment

MOST = 10_000

Address = Annotated[str, typer.Argument(help="IPv4, IPv6 (its /64), or an IPv6 /48.")]


def add_to(app: typer.Typer) -> None:
    app.command()(blocks)
    app.command()(block)
    app.command()(unblock)


def blocks(context: typer.Context, as_json: AsJson = False) -> None:
    """Blocked addresses."""
    found = access_of(context).all("blocks", "blocks", at_most=MOST)
    show(found, blocks_table(found), as_json=as_json)


def block(
    context: typer.Context,
    address: Address,
    minutes: Annotated[int, typer.Option(min=1, help="For how long.")] = 60,
    reason: Annotated[str, typer.Option(help="For other operators.")] = "",
    end_sessions: Annotated[
        bool, typer.Option("--end", help="Also end the open sessions of the address.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Keep an address from opening sessions."""
    body = {"address": address, "minutes": minutes, "reason": reason, "end_sessions": end_sessions}
    made = access_of(context).post("blocks", body)
    text = f"{made['address']} is blocked until {moment(made['expires_at'])} UTC."
    if end_sessions:
        text += f" Ended sessions: {made['ended']}."
    done(text, made, as_json=as_json)


def unblock(context: typer.Context, address: Address, as_json: AsJson = False) -> None:
    """Take back a block."""
    access_of(context).delete(f"blocks/{quote(address, safe=':/')}")
    done(f"{address} may open sessions again.", {"address": address}, as_json=as_json)
