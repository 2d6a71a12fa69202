"""A folder served on this machine as a host of static pages would: compressed where that helps, at any path."""

from __future__ import annotations

import gzip
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

# Fonts and pictures are compressed already.
COMPRESSED = {".html", ".css", ".js", ".mjs", ".json", ".svg", ".xml", ".txt", ".wasm", ".ipynb"}


@cache
def compressed(path: Path) -> bytes:
    """Return a file as it goes over the wire."""
    whole = path.read_bytes()
    return gzip.compress(whole, mtime=0) if path.suffix in COMPRESSED else whole


class _Handler(SimpleHTTPRequestHandler):
    """Serves `folder` below `prefix`, and its 404.html for what is not there."""

    protocol_version = "HTTP/1.1"
    folder: Path
    prefix: str

    def send_head(self) -> Any:
        where = self.path.split("?")[0].split("#")[0]
        path = self._file(where)
        if path is not None and path.is_dir() and not where.endswith("/"):
            self.send_response(HTTPStatus.MOVED_PERMANENTLY)
            self.send_header("Location", where + "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if path is not None and path.is_dir():
            path = path / "index.html"
        found = path is not None and path.is_file()
        shown = path if found else self.folder / "404.html"
        if shown is None or not shown.is_file():
            return self.send_error(HTTPStatus.NOT_FOUND)
        body = compressed(shown)
        self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", self.guess_type(str(shown)))
        self.send_header("Content-Length", str(len(body)))
        if shown.suffix in COMPRESSED:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        return BytesIO(body)

    def _file(self, where: str) -> Path | None:
        if not where.startswith(self.prefix):
            return None
        path = Path(self.translate_path("/" + where.removeprefix(self.prefix)))
        return path if path.exists() else None

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """Takes it quietly when a browser goes away in the middle of an answer."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def served(folder: Path, prefix: str = "/") -> Iterator[str]:
    """Serve a folder on this machine alone; gives the address, which ends with the prefix."""
    handler = type("Handler", (_Handler,), {"folder": folder, "prefix": prefix})
    server = _Server(("127.0.0.1", 0), lambda *given: handler(*given, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def another_host() -> Iterator[tuple[str, list[str]]]:
    """Serve nothing from another host, which lets anybody ask; yield its address, and what it has been asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(HTTPStatus.OK)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Type", "text/javascript")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    server.shutdown()
    server.server_close()
