"""Runs what pages of Markdown show, and compares what they print: `pytest -p pages docs`.

A page has a folder of its own, and its blocks run in it one after the other:

- `python` is executed, all blocks of a page in one namespace; with a title it is a file instead,
  which is written.
- `text` after `python` is what that printed: in full, except where it says `...`.
- `console` holds commands after `$`, which are executed, with what they print.
- Other languages are not looked at. So `shell` is for what can't be run here.

Of README.md only `python` is run: its console is that of examples/newcomer.

What differs from run to run, such as times, is compared by its form.
"""

from __future__ import annotations

import doctest
import importlib.util
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer
from sybil.parsers.markdown.skip import SkipParser

ROOT = Path(__file__).parents[1]
HOME = "/home/me/numbers"
"""What a page's folder is called on the page."""
TIMEOUT_S = 600
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FORMS = {
    r"\d{4}-\d\d-\d\d[T ]\d\d[:-]\d\d([:-]\d\d)?(\.\d{6}Z)?": "DATE",
    r"Python 3\.\d+(\.\d+)?\b": "PYTHON",
    r"\b\d+(\.\d+)?(e-\d+)? (s|ms|µs)\b": "DURATION",
    r"\b\d+(\.\d+)? (B|kB|MB|GB|bytes)\b": "SIZE",
    r" +(?=(DATE|DURATION|SIZE))": " ",
}
BACKEND = "functionfuse.backends."
SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
"""What stands for the text of a file of this repository."""

BLOCK = re.compile(r"(?P<language>\w+)(?: .*?title=\"(?P<title>[^\"]+)\")?.*")


class Page:
    """A page while its blocks run.

    Parameters
    ----------
    folder
        Its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.main = ModuleType("__main__")
        self.printed = ""
        """What the last Python block printed."""

    def execute(self, source: str, path: str) -> None:
        """Run Python code; warnings count to what it prints."""
        code = compile(source, path, "exec", dont_inherit=True)
        out = io.StringIO()
        with redirect_stdout(out), warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = _print_warning
            try:
                exec(code, vars(self.main))
            finally:
                self.printed = out.getvalue()

    def execute_commands(self, text: str) -> None:
        """Run each command of a block and compare what it prints."""
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            while command.endswith("\\"):
                line, _, expected = expected.partition("\n")
                command = f"{command}\n{line}"
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            self.compare(expected, done.stdout)
            assert done.returncode == 0, f"{command} ended with {done.returncode}"

    def compare(self, expected: str, actual: str) -> None:
        """Fail if something else is printed than the page shows."""
        actual = actual.replace(str(self.folder), HOME)
        wanted, got = (_normalised(text) for text in (expected, actual))
        if not doctest.OutputChecker().check_output(wanted, got, FLAGS):
            pytest.fail(f"the page shows:\n{expected}\nbut this is printed:\n{actual}", False)


def _print_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    print(f"{category.__name__}: {message}")


def _normalised(text: str) -> str:
    for pattern, form in FORMS.items():
        text = re.sub(pattern, form, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


class BlockParser:
    """Finds the blocks of a page that are run."""

    def __init__(self) -> None:
        self._lexer = FencedCodeBlockLexer(
            language=r".+", mapping={"language": "info", "source": "source"}
        )

    def __call__(self, document: Document) -> Iterable[Region]:
        """Yield them with what runs each."""
        before = ""
        for region in self._lexer(document):
            block = BLOCK.fullmatch(region.lexemes["info"])
            language, title = block.groups() if block else ("", None)
            evaluators: dict[str, Callable[[Example], None]] = {
                "python": self._write if title else self._execute,
                "console": self._execute_commands,
            }
            if language == "text" and before == "python":
                evaluators["text"] = self._compare
            if Path(document.path).name == "README.md":
                del evaluators["console"]
            before = "" if title else language
            if language in evaluators:
                region.parsed = region.lexemes["source"], title
                region.evaluator = evaluators[language]
                yield region

    def _write(self, example: Example) -> None:
        text, title = example.parsed
        path = example.namespace["page"].folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SNIPPET.sub(lambda found: (ROOT / found[1]).read_text(), text))

    def _execute(self, example: Example) -> None:
        text, _ = example.parsed
        source = "\n" * (example.line + text.line_offset) + text
        try:
            example.namespace["page"].execute(source, example.path)
        except ModuleNotFoundError as error:
            if Path(example.path).name != "README.md" or BACKEND not in str(error.name):
                raise
            pytest.skip(f"{error.name} is run where its engine is")

    def _compare(self, example: Example) -> None:
        page = example.namespace["page"]
        page.compare(example.parsed[0], page.printed)

    def _execute_commands(self, example: Example) -> None:
        example.namespace["page"].execute_commands(example.parsed[0])


@contextmanager
def _ray(folder: Path) -> Iterator[None]:
    import ray_apart

    with ray_apart.settings(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_LOG_TO_DRIVER", "0")
        yield
        if ray := sys.modules.get("ray"):
            ray.shutdown()


@contextmanager
def _prefect(folder: Path) -> Iterator[None]:
    import prefect_apart

    with (
        prefect_apart.settings(folder),
        prefect_apart.server(folder) as api,  # not one for each run: they take long to start
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PREFECT_API_URL", api.url)
        yield


@contextmanager
def _kfp(folder: Path) -> Iterator[None]:
    import docker_apart

    with ExitStack() as stack:
        stack.enter_context(docker_apart.engine(folder))
        docker = docker_apart.require("docker")
        client = docker.from_env()
        stack.callback(client.close)
        name = f"python:{docker_apart.VERSION}"  # what nodes run on unless told otherwise
        try:
            client.images.get(name)
        except docker.errors.ImageNotFound:
            tag = stack.enter_context(docker_apart.base_image(client, "pages"))
            client.images.get(tag).tag(*name.split(":"))
            stack.callback(client.images.remove, name)
        yield


@contextmanager
def _s3(folder: Path) -> Iterator[None]:
    import s3_apart

    with (
        s3_apart.no_credentials(),
        s3_apart.running(folder) as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        s3_apart.require("s3fs").S3FileSystem(use_listings_cache=False).mkdir("bucket")
        yield


@contextmanager
def _readme(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        if importlib.util.find_spec("ray"):
            stack.enter_context(_ray(folder))
        if importlib.util.find_spec("prefect"):
            import prefect_apart

            stack.enter_context(prefect_apart.settings(folder))
            stack.enter_context(prefect_apart.temporary_server())
        yield


SETTINGS: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "README.md": _readme,
    "backends/kfp.md": _kfp,
    "backends/prefect.md": _prefect,
    "backends/ray.md": _ray,
    "storages/ray.md": _ray,
    "storages/s3.md": _s3,
}
"""What engines need to be apart from the user's, by page."""


@pytest.fixture(scope="module")
def page(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Return the page whose blocks run, in an environment of its own."""
    folder = tmp_path_factory.mktemp("page")
    name = request.node.path.relative_to(ROOT).as_posix().removeprefix("docs/")
    page = Page(folder)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("PYTHONWARNINGS", "default")
        patch.delenv("FUNCTIONFUSE_PROGRESS", raising=False)
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        patch.setitem(sys.modules, "__main__", page.main)
        patch.setattr(sys, "dont_write_bytecode", True)  # It may be older than a file of a page.
        if name in SETTINGS:
            stack.enter_context(SETTINGS[name](tmp_path_factory.mktemp("engine")))
        yield page
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]


pytest_collect_file = Sybil(
    parsers=[BlockParser(), SkipParser()], patterns=["*.md"], path=str(ROOT), fixtures=["page"]
).pytest()
