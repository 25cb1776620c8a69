"""Look at a dataset in the browser: a page served to this machine alone, or one self-contained file."""

import base64
import json
import socket
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgbg_data.errors import ConfigError, FgbgError, StorageError, UnknownKeyError, option
from fgbg_data.runtime.files import write_text
from fgbg_data.viewing.gallery import LAYERS, Gallery

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
EXPORT_SIDE_PX = 256
MAX_SIDE_PX = 2048
_HOLE = "/*EMBEDDED*/ null"
"""In the page: what an exported file replaces by its data."""
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; connect-src 'self'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def view(
    path: str | Path, *, host: str = HOST, port: int = 8765, ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve a dataset as a web page until Ctrl-C.

    Args:
        path: of the dataset.
        host: address to listen on; other machines reach anything but the loopback address.
        port: 0 is any free one.
        ready: called with the page's address once it listens.

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
        ready(f"http://{host}:{listener.getsockname()[1]}/")
        uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listener])


def application(gallery: Gallery, host: str = HOST) -> "Starlette":
    """Return the web application.

    Starlette and uvicorn, because they are small, typed and kept; because endpoints that are plain functions run in
    threads, so that pictures are decoded side by side; and because the Host header is checked by a line of theirs:
    without that check a web page elsewhere could point its own name at 127.0.0.1 and read the dataset.

    Only what is looked up in the dataset by its key is served; no part of a request is ever used as a path.
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
        if layer not in LAYERS:
            raise UnknownKeyError(f"{layer!r} is no layer; there are {', '.join(LAYERS)}")
        limit = min(int(side), MAX_SIDE_PX) if side.isdecimal() and int(side[:9]) > 0 else None
        data, kind = gallery.picture(request.path_params["key"], layer, limit)
        # The page asks with the dataset's fingerprint, so that a browser may keep pictures for good.
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


def export(path: str | Path, out: str | Path, *, count: int = 200, seed: int = 0) -> Path:
    """Write the page with some samples in it as one file that needs nothing else.

    Args:
        path: of the dataset.
        out: the HTML file.
        count: samples, taken at random.
        seed: which ones.

    Raises:
        FgbgError: there is no dataset, or a sample of it is damaged.
    """
    out = Path(out)
    if count < 1:
        raise ConfigError(f"{option('samples', count)}: expected at least 1")
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{option('export', out)}: expected a name that ends in .html")
    gallery = Gallery(path)
    layers = [layer for layer in LAYERS if layer in gallery.about["fields"]]
    rows: list[dict[str, Any]] = []
    for number in gallery.choose(count, seed):
        key = gallery.keys[number]
        pictures = {}
        for layer in layers:
            data, kind = gallery.picture(key, layer, EXPORT_SIDE_PX)
            pictures[layer] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        rows.append(gallery.row(number) | {"pictures": pictures, "details": gallery.details(key)})
    text = json.dumps({"header": gallery.header(), "rows": rows}, ensure_ascii=True)
    for character in "<>&":  # so that no text of the dataset ends the script it stands in
        text = text.replace(character, f"\\u{ord(character):04x}")
    write_text(out, page_text().replace(_HOLE, text))
    return out


def page_text() -> str:
    """Return the page."""
    return resources.files("fgbg_data.viewing").joinpath("view.html").read_text(encoding="utf-8")


def _trusted(host: str) -> list[str]:
    """Return the names under which the page may be asked for."""
    if host in ("0.0.0.0", "::", ""):
        return ["*"]
    return ["127.0.0.1", "localhost", host]
