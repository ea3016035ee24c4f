"""A chat endpoint on this machine that answers what it is told to, over real HTTP."""

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(text: str | None, finish: str = "stop", **usage: Any) -> dict[str, Any]:
    """The document of a reply."""
    usage = {"prompt_tokens": 7, "completion_tokens": 3, **usage}
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}], "usage": usage}


def error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "code": code}}


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer. `delay`: before it, s; `cut`: bytes sent before the connection breaks; `endless`: it goes on."""

    body: Any = dataclasses.field(default_factory=lambda: completion("search"))
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None
    endless: bool = False

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


class FakeEndpoint:
    """Serves `answers` in turn, the last one again and again, or what `respond` makes of a request."""

    def __init__(self, *answers: Answer, respond: Callable[[dict[str, Any]], Answer] | None = None):
        self.answers = list(answers) or [Answer()]
        self.respond = respond
        self.paths: list[str] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.asked = threading.Event()

    def __enter__(self) -> "FakeEndpoint":
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                with contextlib.suppress(OSError):
                    endpoint._serve(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            number = len(self.requests)
            self.requests.append((dict(handler.headers), body))
            self.paths.append(handler.path)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        self.asked.set()
        answer = self.respond(body) if self.respond else self.answers[min(number, len(self.answers) - 1)]
        self._over.wait(answer.delay)
        with self._lock:
            self._at_once -= 1
        self._send(handler, answer)

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        content = answer.content()
        handler.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            handler.send_header(name, value)
        if answer.endless:
            handler.send_header("Connection", "close")
        else:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content if answer.cut is None else content[: answer.cut])
        while answer.endless and not self._over.is_set():
            handler.wfile.write(content)
            time.sleep(0.001)
        if answer.cut is not None or answer.endless:
            handler.close_connection = True
