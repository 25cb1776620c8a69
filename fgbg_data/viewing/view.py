"""`view`: a dataset as a page for the browser, served to this machine alone."""

import array
import errno
import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fgbg_data.errors import ConfigError, FgbgError, StorageError, UnknownKeyError, option
from fgbg_data.options import between
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
MAX_MEASURED = 512
"""Number of samples that one request may have measured."""
MAX_PORT = 65535
_EVERY = ("0.0.0.0", "::", "")
"""The addresses that stand for all addresses of this machine."""
_PASSIVE = socket.AI_PASSIVE
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
    path: str | Path,
    *,
    host: str = HOST,
    port: int = 8765,
    bg: str | Path | None = None,
    fg: str | Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a dataset as a web page until Ctrl-C.

        view("shards/", port=8000)

    Args:
        path: folder or URL of the dataset.
        host: address to listen on. Other machines can reach every address but the loopback address.
        port: port to listen on, 0 to 65535; 0 takes any free one.
        bg: folder or URL of the pictures that became backgrounds, to show them beside samples; None shows only names.
        fg: folder or URL of the pictures that became foregrounds, in the same way.
        ready: function that is called with the address of the page once it can be opened, such as `webbrowser.open`;
            None prints the address.

    Raises:
        FgbgError: there is no dataset, or the host or port cannot be listened on.
    """
    import uvicorn

    between("port", port, 0, MAX_PORT)
    with _listen(host, port) as listener:  # before the dataset is read, so that a bad port shows at once
        app = application(Gallery(path, bg=bg, fg=fg), host)
        listener.listen()  # from here on, requests wait until the server takes them
        (ready or _print_address)(_address(host, listener.getsockname()[1]))
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
        layer = request.path_params["layer"]
        if layer not in gallery.layers:
            raise UnknownKeyError(f"there is no layer {layer!r}; expected one of {', '.join(gallery.layers)}")
        side_px = _parse_number(request.query_params.get("side", ""), MAX_SIDE_PX)
        data, kind = gallery.picture(request.path_params["key"], layer, side_px)
        # The address holds the dataset's fingerprint, so a browser may keep the picture.
        return Response(data, media_type=kind, headers=_SECURITY | {"Cache-Control": "private, max-age=86400"})

    def source(request: "Request") -> "Response":
        side_px = _parse_number(request.query_params.get("side", ""), MAX_SIDE_PX)
        data, kind = gallery.sources.picture(request.path_params["kind"], request.path_params["id"], side_px)
        return Response(data, media_type=kind, headers=_SECURITY | {"Cache-Control": "private, max-age=600"})

    def measure(request: "Request") -> "Response":
        name = request.path_params["name"]
        if name not in gallery.measures:
            raise UnknownKeyError(f"there is no number {name!r}; expected one of {', '.join(gallery.measures)}")
        start = _parse_number(request.query_params.get("start", ""), len(gallery)) or 0
        count = _parse_number(request.query_params.get("count", ""), MAX_MEASURED) or 0
        numbers = range(start, min(start + count, len(gallery)))
        data = array.array("f", (gallery.measure(name, number) for number in numbers))
        if sys.byteorder == "big":
            data.byteswap()
        return Response(data.tobytes(), media_type="application/octet-stream", headers=_SECURITY)

    def details(request: "Request") -> "Response":
        return JSONResponse(gallery.details(request.path_params["key"]), headers=_SECURITY)

    def refuse(request: "Request", error: Exception) -> "Response":
        status = 404 if isinstance(error, UnknownKeyError) else 500
        return PlainTextResponse(str(error), status_code=status, headers=_SECURITY)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/samples", samples),
            Route("/picture/{layer}/{key:path}", picture),
            Route("/source/{kind}/{id:path}", source),
            Route("/measure/{name}", measure),
            Route("/details/{key:path}", details),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_trusted(host), www_redirect=False)],
        exception_handlers={FgbgError: refuse},
    )


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address of this machine; it does not listen yet.

    Raises:
        ConfigError: the host is no address of this machine, or the user may not use the port.
        StorageError: another program uses the port.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host or None, port, 0, socket.SOCK_STREAM, 0, _PASSIVE)[0]
    except (OSError, ValueError) as error:  # ValueError: the name is too long, or holds a null character
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{option('host', host)}: is no name or address of this machine ({reason})") from error
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from error
    return listener


def _refused(host: str, port: int, error: OSError) -> FgbgError:
    """Return the error for an address that the system refused to bind."""
    reason = os.strerror(error.errno or 0)
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(f"{option('port', port)}: is not allowed to this user ({reason}); use one from 1024 on")
    if error.errno == errno.EADDRINUSE:
        return StorageError(
            f"{option('port', port)}: not free on {host} ({reason}); use another, or 0 for any free one"
        )
    return ConfigError(f"{option('host', host)}: is no address of this machine ({reason}); use {HOST}")


def _address(host: str, port: int) -> str:
    """Return the URL at which a browser on this machine opens the page.

    >>> _address("127.0.0.1", 80), _address("0.0.0.0", 80), _address("::1", 80)
    ('http://127.0.0.1:80/', 'http://127.0.0.1:80/', 'http://[::1]:80/')
    """
    name = HOST if host in _EVERY else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/"


def _parse_number(text: str, most: int) -> int | None:
    """Return the number that a request names, at most `most`; None for anything but a number above 0.

    >>> _parse_number("160", 2048), _parse_number("9" * 5000, 2048), _parse_number("-1", 2048), _parse_number("0", 2048)
    (160, 2048, None, None)
    """
    found = re.fullmatch(r"0*([1-9][0-9]*)", text)
    if not found:
        return None
    return most if len(found[1]) > len(str(most)) else min(int(found[1]), most)


def _trusted(host: str) -> list[str]:
    """Return the host names that requests may name."""
    if host in _EVERY:
        return ["*"]
    return ["127.0.0.1", "localhost", f"[{host}]" if ":" in host else host]


def _print_address(url: str) -> None:
    print(f"the dataset is at {url} (Ctrl-C ends it)", flush=True)
