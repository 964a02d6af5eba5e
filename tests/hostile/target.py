"""What attacks on the network aim at: a server of the test that records every request as it came."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Arrived:
    """A request as it came."""

    method: str
    path: str
    """With the query, as on the wire."""
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first field of this name."""
        return next((value for field, value in self.headers if field.lower() == name), None)


class Target:
    """A server on loopback. The path says what it does; `with Target() as target` serves at `target.url`."""

    def __init__(self, host: str = "127.0.0.1"):
        self.arrived: list[Arrived] = []
        self.redirect = ""
        """Where `/redirect` leads."""
        self.connections = 0
        self.closing = threading.Event()
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                target.connections += 1
                super().setup()

            def parse_request(self) -> bool:
                parsed = super().parse_request()
                if parsed:
                    target.answer(self)
                # Answered already; the connection goes on with the next request.
                return False

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, *_: object) -> None:
                pass

        self.server = Server((host, 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{host}:{self.port}"

    def __enter__(self) -> "Target":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Records a request and answers it."""
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        self.arrived.append(Arrived(request.command, request.path, list(request.headers.items()), body))
        said = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
        match request.path.split("?")[0].split("/")[1:]:
            case ["silent"]:
                self.closing.wait()
            case ["slow"]:
                self.head(request, 200, [("content-length", "10")])
                self.closing.wait()
            case ["redirect"]:
                self.head(request, 302, [("location", self.redirect), ("content-length", "0")])
            case ["echo"]:
                echoed = request.headers.get("authorization", "")
                self.whole(request, said.encode(), [("x-echo", echoed)])
            case ["twice"]:
                echoed = request.headers.get("authorization", "").removeprefix("Bearer ")
                self.whole(request, (echoed + echoed[:-1] + echoed * 2 + echoed[1:]).encode(), [])
            case ["pieces", size]:
                self.pieces(request, said.encode(), int(size))
            case ["encoded", coding]:
                self.whole(request, said.encode(), [("content-encoding", coding)])
            case _:
                self.whole(request, b"arrived", [])

    def head(self, request: BaseHTTPRequestHandler, status: int, fields: list[tuple[str, str]]) -> None:
        request.send_response(status)
        for name, value in fields:
            request.send_header(name, value)
        request.end_headers()
        request.wfile.flush()

    def whole(self, request: BaseHTTPRequestHandler, body: bytes, fields: list[tuple[str, str]]) -> None:
        self.head(request, 200, [("content-length", str(len(body))), *fields])
        if request.command != "HEAD":
            request.wfile.write(body)

    def pieces(self, request: BaseHTTPRequestHandler, body: bytes, size: int) -> None:
        """The body in chunks of this size, each a packet of its own."""
        self.head(request, 200, [("transfer-encoding", "chunked")])
        for at in range(0, len(body), size):
            piece = body[at : at + size]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            request.wfile.flush()
        request.wfile.write(b"0\r\n\r\n")
