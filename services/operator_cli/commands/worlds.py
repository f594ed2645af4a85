"""Commands about worlds and their versions."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.operator_cli.client import CallError
from services.operator_cli.commands.fleet import MOST, access_of
from services.operator_cli.output import AsJson, done, show
from services.operator_cli.tables import worlds_table


def add_to(app: typer.Typer) -> None:
    app.command()(worlds)
    app.command()(promote)


def worlds(context: typer.Context, as_json: AsJson = False) -> None:
    """Worlds for new sessions, with the replicas of their current versions."""
    access = access_of(context)
    found = access.public("worlds")["worlds"]
    replicas = access.all("replicas", "replicas", at_most=MOST)
    brief = [{name: world[name] for name in world if name not in PICTURES} for world in found]
    for shown, world in zip(brief, found, strict=True):
        shown["starts"] = [start["name"] for start in world["starts"]]
    show(brief, worlds_table(brief, replicas), as_json=as_json)


def promote(
    context: typer.Context,
    world: Annotated[str, typer.Argument(help="Name of the world.")],
    digest: Annotated[str, typer.Argument(help="First letters of the version's digest.")],
    as_json: AsJson = False,
) -> None:
    """Give a version of a world to all new sessions (training service)."""
    access, name = access_of(context), quote(world, safe="")
    versions = access.training("GET", f"worlds/{name}")["versions"]
    fitting = [v["digest"] for v in versions if v["digest"].startswith(digest)]
    if len(fitting) != 1:
        raise CallError(f"{len(fitting)} versions of {world} begin with {digest!r}; name one.")
    release: Any = access.training("POST", f"worlds/{name}/promote", {"digest": fitting[0]})
    done(f"New sessions of {world} begin in {fitting[0]}.", release, as_json=as_json)


PICTURES = {"preview"}
