"""`python -m tests.e2e.resized_serve`: the generation service; each line on the standard input is a
new number of replicas, which Serve deploys anew. Prints the number when Serve has reached it."""

import os
import sys

from services.environment import read_settings
from services.generation.__main__ import APP_NAME, _local_ray
from services.generation.settings import PREFIX, GenerationSettings
from services.telemetry import setup_logging

NUMBER = f"{PREFIX}MIN_REPLICAS"


def main() -> None:
    setup_logging("generation")
    with _local_ray(read_settings(GenerationSettings, PREFIX, os.environ | {NUMBER: "2"})):
        from ray import serve
        from ray.serve.config import ProxyLocation

        from services.generation.deployment import app

        serve.start(proxy_location=ProxyLocation.Disabled)
        for line in sys.stdin:
            os.environ[NUMBER] = line.strip()
            serve.run(app({}), name=APP_NAME, route_prefix=None)
            print(line.strip(), flush=True)
        serve.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
