"""Serves the player page with a content security policy: the page loads nothing from other origins
and calls only ingest and the session service."""

from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import URL
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "player"


class PlayerFiles(StaticFiles):
    """`session_url`: the second origin for the page's calls. `page_url`: the canonical address;
    requests under another host name are redirected, unless `page_url` is empty."""

    def __init__(self, session_url: str, page_url: str) -> None:
        super().__init__(directory=FOLDER, html=True)
        self._page_url = urlsplit(page_url)
        session = urlsplit(session_url)
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            f" media-src 'self' blob:; connect-src 'self' {session.scheme}://{session.netloc};"
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
        asked = URL(scope=scope)
        if self._page_url.netloc not in ("", asked.netloc):
            ours = asked.replace(scheme=self._page_url.scheme, netloc=self._page_url.netloc)
            return RedirectResponse(ours)
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        return response
