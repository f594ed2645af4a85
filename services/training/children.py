"""How the service starts other processes: behind whoever plays, and told none of its secrets."""

import os

LOW_PRIORITY = ("nice", "-n", "10")


def bare_environment() -> dict[str, str]:
    """Ours without the service's settings, and so without its secrets."""
    return {name: v for name, v in os.environ.items() if not name.startswith("NEXTFRAME_")}
