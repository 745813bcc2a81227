"""A small server that stands in for the Hugging Face hub: one repository, the few endpoints that a download needs."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40


class Hub:
    """`files` by name, as repository `name`. `served` lists (file, first byte) of every GET of a file.

    While `stall_after` is set, a GET sends that many bytes of a larger file and then nothing, until `release` is set.
    """

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self.name = name
        self.files = dict(files)
        self.served: list[tuple[str, int]] = []
        self.stall_after: int | None = None
        self.stalled = threading.Event()
        self.release = threading.Event()
        self.url = ""


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """Serve on a free local port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

        def _answer(self, *, body: bool) -> None:
            path = self.path.split("?")[0]
            listing = re.fullmatch(rf"/api/models/{hub.name}(/revision/[^/]+)?", path)
            tree = re.fullmatch(rf"/api/models/{hub.name}/tree/[^/]+", path)
            file = re.fullmatch(rf"/{hub.name}/resolve/[^/]+/(.+)", path)
            if listing:
                siblings = [{"rfilename": name, "size": len(data)} for name, data in hub.files.items()]
                self._json({"id": hub.name, "sha": COMMIT, "siblings": siblings})
            elif tree:
                kinds = [
                    {"type": "file", "path": name, "size": len(data), "oid": _etag(data)[:40]}
                    for name, data in hub.files.items()
                ]
                self._json(kinds)
            elif file and file.group(1) in hub.files:
                self._file(file.group(1), body=body)
            else:
                self.send_response(404)
                code = "EntryNotFound" if file else "RepoNotFound"
                self.send_header("X-Error-Code", code)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _json(self, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _file(self, name: str, *, body: bool) -> None:
            data = hub.files[name]
            start = 0
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked:
                start = int(asked.group(1))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("ETag", f'"{_etag(data)}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            if not body:
                return
            hub.served.append((name, start))
            if hub.stall_after is not None and len(data) > hub.stall_after:
                self.wfile.write(data[start : hub.stall_after])
                self.wfile.flush()
                hub.stalled.set()
                hub.release.wait(30)
                self.close_connection = True
                return
            self.wfile.write(data[start:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
