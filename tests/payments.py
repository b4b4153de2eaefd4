"""A payments company for tests: the real one behind a front that answers as badly as it is told to."""

import json
import os
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from unittest import mock

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from services.dependencies import payments
from tests.twins import HEADERS, KEY

CUT_AFTER_BYTES = 20


class Company:
    """`answers_charges` gets a function that makes the charge, may call it, and returns the answer."""

    def __init__(self) -> None:
        with mock.patch.dict(os.environ, TOKEN_KEY=KEY):
            self._app = payments.create_app()
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked: list[dict[str, str]] = []  # the headers of each request for a charge
        self.answers_charges: Callable[[Callable[[], Response]], Response] = honestly

    def _serve(self, environ, start_response):
        request = Request(environ)
        body = request.get_data()

        def do() -> Response:
            return Response.from_app(self._app, request.environ | {"wsgi.input": BytesIO(body)})

        if (request.method, request.path) != ("POST", "/charges"):
            return do()(environ, start_response)
        self.asked.append(dict(request.headers))
        return self.answers_charges(do)(environ, start_response)

    def charges(self) -> list[dict]:
        listing = urllib.request.Request(f"{self.url}/charges", headers=HEADERS)
        with urllib.request.urlopen(listing, timeout=5) as answer:
            return json.load(answer)["items"]

    def kept_cents(self) -> int:
        """What customers have paid and not got back, in cents."""
        return sum(charge["amount_cents"] - charge["refunded_cents"] for charge in self.charges())

    @contextmanager
    def open(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def honestly(do: Callable[[], Response]) -> Response:
    return do()


def refusing(status: int, **headers: str) -> Callable:
    """Answers with `status`, and charges nobody."""
    return lambda do: Response("{}", status, {name.replace("_", "-"): text for name, text in headers.items()})


def charging_and_answering(answer: Response) -> Callable:
    """Makes the charge, but answers something else."""

    def lie(do: Callable[[], Response]) -> Response:
        do()
        return answer

    return lie


def cut_off(do: Callable[[], Response]) -> Response:
    """Makes the charge, but the connection breaks in the middle of the answer."""
    body = do().get_data()
    return Response(body[:CUT_AFTER_BYTES], 201, {"Content-Length": str(len(body))})
