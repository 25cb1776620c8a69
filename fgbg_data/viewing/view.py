"""`view`: a dataset as a page for the browser, served to this machine alone."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fgbg_data.errors import ConfigError, FgbgError, StorageError, UnknownKeyError, option
from fgbg_data.viewing.gallery import Gallery
from fgbg_data.viewing.page import page_text

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
"""The loopback address, which only this machine reaches."""
MAX_SIDE_PX = 2048
"""Longer side of the largest picture that the page may ask for."""
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; connect-src 'self'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def view(path: str | Path, *, host: str = HOST, port: int = 8765, ready: Callable[[str], None] | None = None) -> None:
    """Serve a dataset as a web page until Ctrl-C.

    Args:
        path: folder or URL of the dataset.
        host: address to listen on. Other machines can reach every address but the loopback address.
        port: port to listen on; 0 takes any free one.
        ready: function that is called with the address of the page once it can be opened, such as `webbrowser.open`;
            None prints the address.

    Raises:
        FgbgError: there is no dataset, the port is taken, or the extra `view` is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise ConfigError("view needs starlette and uvicorn: pip install 'fgbg[view]'") from error
    app = application(Gallery(path), host)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise StorageError(f"{option('port', port)}: not free on {host} ({error.strerror}); use another") from error
        listener.listen()  # from here on, requests wait until the server takes them
        (ready or _print_address)(f"http://{host}:{listener.getsockname()[1]}/")
        uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listener])


def application(gallery: Gallery, host: str = HOST) -> "Starlette":
    """Return the web application that serves a gallery.

    It serves only what the dataset holds under a key; no part of a request is ever used as a path. Requests must name
    this host: otherwise a web page elsewhere could point its own name at 127.0.0.1 and read the dataset. Endpoints are
    plain functions, which Starlette runs in threads, so that pictures are decoded side by side.

    Args:
        gallery: the dataset.
        host: the address that it is served on.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    table = gallery.table()

    def page(request: "Request") -> "Response":
        return HTMLResponse(page_text(), headers=_SECURITY)

    def samples(request: "Request") -> "Response":
        return Response(table, media_type="application/octet-stream", headers=_SECURITY)

    def picture(request: "Request") -> "Response":
        layer, side = request.path_params["layer"], request.query_params.get("side", "")
        if layer not in gallery.layers:
            raise UnknownKeyError(f"there is no layer {layer!r}; expected one of {', '.join(gallery.layers)}")
        limit = min(int(side), MAX_SIDE_PX) if side.isdecimal() and int(side[:9]) > 0 else None
        data, kind = gallery.picture(request.path_params["key"], layer, limit)
        # The address holds the dataset's fingerprint, so a browser may keep the picture.
        return Response(data, media_type=kind, headers=_SECURITY | {"Cache-Control": "private, max-age=86400"})

    def details(request: "Request") -> "Response":
        return JSONResponse(gallery.details(request.path_params["key"]), headers=_SECURITY)

    def refuse(request: "Request", error: Exception) -> "Response":
        status = 404 if isinstance(error, UnknownKeyError) else 500
        return PlainTextResponse(str(error), status_code=status, headers=_SECURITY)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/samples", samples),
            Route("/picture/{layer}/{key}", picture),
            Route("/details/{key}", details),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_trusted(host), www_redirect=False)],
        exception_handlers={FgbgError: refuse},
    )


def _trusted(host: str) -> list[str]:
    """Return the host names that requests may name."""
    if host in ("0.0.0.0", "::", ""):
        return ["*"]
    return ["127.0.0.1", "localhost", host]


def _print_address(url: str) -> None:
    print(f"the dataset is at {url} (Ctrl-C ends it)", flush=True)
