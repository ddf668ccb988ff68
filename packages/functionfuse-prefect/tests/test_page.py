"""The page of a flow run, in a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request

import pytest

import prefect_apart
from functionfuse.testing import require, unavailable
from processes import started

require("prefect")

from websockets.sync.client import connect  # noqa: E402  Prefect needs it, too.

SCRIPT = """
from functionfuse import workflow
from functionfuse.backends.addons.prefectback import PrefectWorkflow

@workflow
def make(*parents):
    return 1

first = make().set_name("moons, scaled")
second = make([first]).set_name("fitted {model}")
PrefectWorkflow(make(second, make(first)), workflow_name="page").run()
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NAMES = ["moons, scaled", "fitted {model}", "make_0000", "make_0001"]


@pytest.fixture
def page_text(tmp_path):
    """Return a function that opens a page, and returns one that returns its text."""
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        unavailable("chromium is not installed")
    profile = tmp_path / "chromium"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0")
    size = "--window-size=1280,2000"  # What would have to be scrolled to is not there.
    command = (chromium, *options, size, f"--user-data-dir={profile}")
    environment = {**os.environ, "HOME": str(tmp_path)}
    with started(*command, log=tmp_path / "chromium.log", env=environment):
        told = profile / "DevToolsActivePort"
        prefect_apart.wait_until(lambda: told.exists() and told.read_text(), "a browser")
        port = told.read_text().split()[0]

        def open_page(url):
            asked = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?{url}", method="PUT")
            with urllib.request.urlopen(asked) as answer:
                address = json.load(answer)["webSocketDebuggerUrl"]

            def text():
                with connect(address) as browser:
                    what = {"expression": "document.body ? document.body.innerText : ''"}
                    question = {"id": 1, "method": "Runtime.evaluate", "params": what}
                    browser.send(json.dumps(question))
                    return json.loads(browser.recv())["result"]["result"]["value"]

            return text

        yield open_page


def test_the_page_of_a_flow_run_shows_the_names_of_the_nodes(server, page_text, tmp_path):
    """The graph above is a picture; below it are the nodes that Prefect logged."""
    (tmp_path / "script.py").write_text(SCRIPT)
    subprocess.run([sys.executable, str(tmp_path / "script.py")], check=True, capture_output=True)
    (run,) = server.flow_runs("page")
    server.task_runs(run["id"], len(NAMES))
    text = page_text(server.url.replace("/api", f"/runs/flow-run/{run['id']}"))
    prefect_apart.wait_until(lambda: all(name in text() for name in NAMES), "names on the page")
