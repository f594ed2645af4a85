"""`python tests/services/play/toy_play.py [flags of services.play]`: the real command line with
signals, over services that answer /readyz and start one stubborn child each."""

import sys
from pathlib import Path
from unittest.mock import patch

from services.play import __main__ as command
from services.play import stack
from services.play.plan import ServicePlan, StackOptions

SERVICE = Path(__file__).with_name("toy_service.py")


def plan_toys(
    options: StackOptions, *, redis_url: str, token_secret: str
) -> tuple[ServicePlan, ...]:
    ports = {"page": options.port, "other": options.session_port}
    return tuple(
        ServicePlan(
            name=name,
            command=(sys.executable, str(SERVICE), str(port)),
            port=port,
            env={"TOY_REDIS_URL": redis_url},
            what="a toy",
        )
        for name, port in ports.items()
    )


if __name__ == "__main__":
    with patch.object(stack, "plan_services", plan_toys):
        sys.exit(command.main())
