"""A service for `services.play`: answers 200, and ends at GET /die with a last log line.

The service starts a child in a separate process group that ignores SIGTERM, as some frameworks do.
"""

import http.server
import os
import subprocess
import sys
from typing import Any

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/die":
            print("out of dreams", flush=True)
            os._exit(3)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    subprocess.Popen([sys.executable, "-c", STUBBORN], process_group=0)
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
