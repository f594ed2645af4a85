"""The player page as files, under a policy that lets it load nothing from elsewhere and call
only this edge and the session service."""

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "player"


class PlayerFiles(StaticFiles):
    """`session_url`: the other origin that the page calls."""

    def __init__(self, session_url: str) -> None:
        super().__init__(directory=FOLDER, html=True)
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            f" media-src 'self' blob:; connect-src 'self' {session_url};"
            " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-cache",  # asks each time; unchanged files are answered 304
        }

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        return response
