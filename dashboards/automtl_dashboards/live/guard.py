"""Who may ask the live page, and what the page may do in a browser."""

import re
from collections.abc import Sequence

from flask import Flask, Response, abort, request

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names under which a page that is served to this machine alone is reached."""


def refuse_other_names(server: Flask) -> None:
    """Refuse requests that name another host.

    A page from elsewhere could otherwise reach this one through a name that it points here.
    """

    @server.before_request
    def _refuse() -> None:
        if re.sub(r":\d+$", "", request.host) not in LOOPBACK:
            abort(403)


def forbid_what_is_not_ours(server: Flask, scripts: Sequence[str]) -> None:
    """Let the page load from this server alone, and run the named scripts alone.

    Args:
        server: What serves the page.
        scripts: Of the scripts within the page, the words of a content policy that allow them.
    """
    # plotly.js and Dash style their elements in place, and offer the figure as a picture.
    policy = (
        f"default-src 'self'; script-src 'self' {' '.join(scripts)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    @server.after_request
    def _forbid(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response
