"""Headless Chromium over its pipe of commands: nothing but the browser."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# The browser reads commands from 3 and writes answers to 4.
START = (
    "import os, sys; "
    "read, write = (os.dup(int(sys.argv[i])) for i in (1, 2)); "
    "spare = [os.dup(read) for _ in range(6)]; "
    "read, write = os.dup(read), os.dup(write); "
    "os.dup2(read, 3); os.dup2(write, 4); "
    "os.execvp(sys.argv[3], sys.argv[3:])"
)


def find():
    """Returns the path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def chromium(width, height=900, dark=False):
    """Yields a `Tab` of a browser of its own."""
    read, browser_writes = os.pipe()
    browser_reads, write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [sys.executable, "-c", START]
        command += [str(browser_reads), str(browser_writes), find(), *OPTIONS]
        process = subprocess.Popen(
            [*command, f"--user-data-dir={home}"],
            pass_fds=(browser_reads, browser_writes),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(browser_reads)
        os.close(browser_writes)
        try:
            with os.fdopen(read, "rb") as answers, os.fdopen(write, "wb") as to:
                yield Tab(answers, to, width, height, dark)
        finally:
            process.terminate()
            process.wait()


class Tab:
    """One page of the browser, with all that happened in it."""

    def __init__(self, answers, commands, width, height, dark):
        self._answers, self._commands = answers, commands
        self._number, self._session, self._rest = 0, None, b""
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")
        self._session = self.call(
            "Target.attachToTarget", flatten=True, **target
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        scheme = "dark" if dark else "light"
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, path):
        """Loads a file and waits until all of it is there."""
        self.call("Page.navigate", url=path.absolute().as_uri())
        while not self.happened("Page.loadEventFired"):
            self.events.append(self._message())

    def happened(self, *methods):
        """Returns what the events of some kinds say."""
        return [e["params"] for e in self.events if e.get("method") in methods]

    def value(self, expression):
        """Returns what a JavaScript expression gives."""
        found = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        return found["result"]["value"]

    def screenshot(self, path, whole=True):
        """Writes a PNG of the whole page."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def call(self, method, **params):
        """Sends a command and returns its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _message(self):
        while b"\0" not in self._rest:
            some = self._answers.read1(1 << 16)
            if not some:
                raise RuntimeError("The browser ended.")
            self._rest += some
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
