"""A small DICOMweb server on loopback: lists, gives and takes instances as PS3.18 says, and goes wrong when told to.

It shares no code with the store under test: multipart is built and cut by plain bytes here.
"""

from __future__ import annotations

import io
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pydicom

BOUNDARY = b"=_tiny server"
Handler = BaseHTTPRequestHandler


@dataclass
class Pacs:
    """What the server has and how it behaves; a test changes either at any time."""

    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)
    page: int = 1000
    overwrites: bool = False
    """Whether a second file of one UID replaces the first, as some archives do; Orthanc keeps the first."""
    meddle: Callable[[str, Handler], bool] = lambda path, handler: False
    """Answers a request in the server's stead and says so."""
    cut: int = 0
    """Bytes after which the connection of a retrieval breaks."""
    coerce: Callable[[bytes], bytes] = bytes
    store_failure: int = 0
    url: str = ""

    def add(self, content: bytes) -> tuple[str, str, str]:
        d = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
        key = (d.StudyInstanceUID, d.SeriesInstanceUID, d.SOPInstanceUID)
        if self.overwrites or key not in self.files:
            self.files[key] = self.coerce(content)
        return key

    def of(self, *parts: str) -> list[tuple[tuple[str, str, str], bytes]]:
        uids = parts[::2]
        return [(key, content) for key, content in sorted(self.files.items()) if key[: len(uids)] == uids]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pacs: Pacs

    def do_GET(self) -> None:
        path, _, query = self.path.removeprefix("/pacs/studies/").partition("?")
        self.pacs.requests.append(f"GET {path}")
        self.pacs.authorization.append(self.headers.get("Authorization", ""))
        if self.pacs.meddle(path, self):
            return
        parts = path.split("/")
        if parts[-1] == "instances":
            self._list(parts[0], int(query.removeprefix("offset=") or 0))
        else:
            self._give([content for _, content in self.pacs.of(parts[0], *parts[1:])])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.pacs.requests.append("POST")
        self.pacs.authorization.append(self.headers.get("Authorization", ""))
        if self.pacs.meddle("POST", self):
            return
        boundary = self.headers["Content-Type"].split("boundary=")[1].encode()
        content = body.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n--" + boundary + b"--\r\n")
        if self.pacs.store_failure:
            failed = {"00081197": {"vr": "US", "Value": [self.pacs.store_failure]}}
            self.answer(
                409, json.dumps({"00081198": {"vr": "SQ", "Value": [failed]}}).encode(), "application/dicom+json"
            )
            return
        self.pacs.add(content)
        self.answer(200, json.dumps({"00081198": {"vr": "SQ"}}).encode(), "application/dicom+json")

    def _list(self, study: str, offset: int) -> None:
        page = self.pacs.of(study)[offset : offset + self.pacs.page]
        if not page:
            self.answer(204)
            return
        items = [
            {"00080018": {"vr": "UI", "Value": [sop]}, "0020000E": {"vr": "UI", "Value": [series]}}
            for (_, series, sop), _ in page
        ]
        self.answer(200, json.dumps(items).encode(), "application/dicom+json")

    def _give(self, contents: list[bytes]) -> None:
        if not contents:
            self.answer(404)
            return
        head = b"--" + BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
        body = b"".join(head + content + b"\r\n" for content in contents) + b"--" + BOUNDARY + b"--\r\n"
        self.answer(200, body, f'multipart/related; type="application/dicom"; boundary="{BOUNDARY.decode()}"')

    def answer(self, status: int, body: bytes = b"", content_type: str = "", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.pacs.cut and self.pacs.cut < len(body):
            self.wfile.write(body[: self.pacs.cut])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def pacs(tls: ssl.SSLContext | None = None) -> Iterator[Pacs]:
    """Serve an empty archive on a free port, with a certificate if it has one."""
    state = Pacs()
    handler = type("Handler", (_Handler,), {"pacs": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/pacs"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
