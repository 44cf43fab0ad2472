"""A local server for tests of downloads."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Files(BaseHTTPRequestHandler):
    """Serves bytes by path, from any position on; may break off, or point elsewhere."""

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        time.sleep(server.delay)
        if self.path in server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved[self.path])
            self.end_headers()
            return
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start, status = 0, 200
        if server.knows_ranges and (asked := self.headers.get("Range")):
            start, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content)
        if server.breaks_off:
            end = start + server.breaks_off.pop(0)
        self.wfile.write(content[start:end])

    def log_message(self, *_):
        """Keep the tests' output clean."""


@pytest.fixture
def server():
    """Run a server; tests fill `files` and read `requests`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        server.files, server.requests, server.breaks_off = {}, [], []
        server.knows_ranges, server.delay, server.moved = True, 0, {}
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        yield server
        server.shutdown()
        thread.join()
