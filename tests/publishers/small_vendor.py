"""A vendor that answers each path with prepared pieces, one after the other."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What a path answers with: status, media type, and its pieces, of which each may wait before it comes.
Answer = tuple[int, str, list[bytes | Callable[[], None]]]


class SmallVendor:
    """`with SmallVendor({"POST /v1/answers": answer}) as vendor:` serves at `vendor.url`."""

    def __init__(self, answers: dict[str, Answer]):
        self.answers = answers
        self.requests: list[dict[str, Any]] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                asked = f"{self.command} {self.path}"
                parsed = json.loads(body) if body else None
                vendor.requests.append({"asked": asked, "key": self.headers.get("authorization"), "body": parsed})
                status, kind, pieces = vendor.answers.get(asked, (404, "text/plain", [b"no such path"]))
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for piece in pieces:
                    if callable(piece):
                        piece()
                        continue
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST = answer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "SmallVendor":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def lines(*said: dict) -> bytes:
    """JSON, a line each."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in said)


def events(*said: dict) -> bytes:
    """Server-sent events."""
    return b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in said)
