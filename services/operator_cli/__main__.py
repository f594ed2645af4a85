"""`nextframe`, also `python -m services.operator_cli`: reads the command line, prints, exits.

Exit codes: 0 done, 1 refused by a service, 2 a wrong command line, 3 no answer from a service, 4
the doctor found something to mend.
"""

from typing import Annotated

import typer

from services.operator_cli.client import DEFAULT_TRAINING_URL, DEFAULT_URL, Access
from services.operator_cli.commands import blocks, doctor, fleet, sessions, worlds
from services.operator_cli.output import report_errors

app = typer.Typer(
    name="nextframe",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Look after an installation of Nextframe.",
    epilog="--install-completion sets up the completion of your shell.",
)
for commands in (fleet, sessions, blocks, worlds, doctor):
    commands.add_to(app)


@app.callback()
def choose_service(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="NEXTFRAME_OPERATOR_URL", help="The session service.")
    ] = DEFAULT_URL,
    token: Annotated[
        str,
        typer.Option(
            envvar="NEXTFRAME_OPERATOR_TOKEN",
            show_envvar=True,
            help="The value of NEXTFRAME_SESSION_OPERATOR_TOKEN. Better in the variable than here.",
        ),
    ] = "",
    training_url: Annotated[
        str,
        typer.Option(envvar="NEXTFRAME_OPERATOR_TRAINING_URL", help="The training service."),
    ] = DEFAULT_TRAINING_URL,
    training_token: Annotated[
        str,
        typer.Option(
            envvar="NEXTFRAME_OPERATOR_TRAINING_TOKEN",
            help="The training service's operator token, if another one.",
        ),
    ] = "",
) -> None:
    context.obj = Access(
        url=url, token=token, training_url=training_url, training_token=training_token or token
    )


def main() -> None:
    with report_errors():
        app(prog_name="nextframe")


if __name__ == "__main__":
    main()
