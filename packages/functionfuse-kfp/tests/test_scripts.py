"""Scripts, and what is typed into Python: containers find what these define."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent
from uuid import uuid4

import pytest

from functionfuse.testing import require

require("docker")

SCRIPT = """
    import sys
    from dataclasses import dataclass
    from functionfuse import workflow
    from functionfuse.backends.addons.kfpback import KFPWorkflow

    @dataclass
    class Point:
        x: int

    class OwnError(Exception):
        pass

    @workflow
    def make(x):
        return Point(x)

    @workflow
    def move(point, by):
        assert isinstance(point, Point)
        return Point(point.x + by.x)

    @workflow
    def fail(point):
        raise OwnError(point.x)

    @workflow
    class Path:
        def __init__(self, start):
            self.points = [start]

        def extend(self, point):
            self.points.append(point)
            return list(self.points)

    double = workflow(lambda point: Point(2 * point.x))

    def run(*nodes):
        return KFPWorkflow(*nodes, workflow_name="script", baseimage=sys.argv[1]).run(local=True)

    if __name__ == "__main__":
        try:
            run(fail(make(3)))
        except OwnError as error:
            print("failed with", error.args)
        moved = move(make(1), Point(2))
        path = Path(moved)
        result = run(path.extend(double(moved)))
        print(result, isinstance(result[0], Point))
"""


@pytest.mark.parametrize("name", ["run.py", "run", "my.tool"])
def test_what_a_script_defines_is_found_in_its_containers(run_script, name):
    process = run_script(SCRIPT, name=name)
    assert process.stdout.splitlines() == [
        "failed with (3,)",
        "[Point(x=3), Point(x=6)] True",
    ], process.stderr
    assert "raise OwnError(point.x)" in process.stderr  # What containers print is shown.


def test_a_module_of_a_package_is_found_wherever_python_finds_it(base_image, tmp_path):
    folder = tmp_path / 'it\'s my "$HOME"'
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "names.py").write_text("NUMBER = 5\n")
    script = SCRIPT.replace("OwnError(point.x)", "OwnError(NUMBER)")
    text = dedent("    from .names import NUMBER\n" + script)
    (folder / "package" / "run.py").write_text(text)
    process = subprocess.run(
        [sys.executable, "-m", "package.run", base_image],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert process.stdout.startswith("failed with (5,)"), process.stderr
    assert process.stdout.endswith("True\n"), process.stderr


def test_what_is_typed_into_python_is_sent(base_image, tmp_path):
    """So are the cells of a notebook."""
    text = dedent(SCRIPT).replace("x: int", f'x: int\n    new = "{uuid4().hex}"')
    process = subprocess.run(
        [sys.executable, "-", base_image],
        cwd=tmp_path,
        input=text,
        capture_output=True,
        text=True,
    )
    assert process.stdout.startswith("failed with (3,)"), process.stderr
    assert process.stdout.endswith("True\n"), process.stderr


def test_a_script_that_runs_when_it_is_imported_is_told(run_script):
    process = run_script(SCRIPT.partition("    if __name__")[0] + "    run(make(1))\n")
    assert 'put what runs the workflow under `if __name__ == "__main__":`' in process.stderr
    assert "building" not in process.stderr


def test_a_script_whose_guard_does_not_guard_is_told(run_script):
    text = SCRIPT.partition("    if __name__")[0] + "    NAME = '__main__'\n    run(make(1))\n"
    process = run_script(text)
    assert "this script runs its workflow when it is imported" in process.stderr


@pytest.mark.parametrize("how", ["run(local=True)", "compile('p.yaml')"])
def test_a_script_that_can_not_be_imported_in_its_containers_says_where_it_fails(run_script, how):
    process = run_script(f"""
        import sys
        from pathlib import Path
        from functionfuse import workflow
        from functionfuse.backends.addons.kfpback import KFPWorkflow

        def look():
            if Path("/functionfuse").exists():
                raise ValueError("not " + "here")

        look()

        @workflow
        def one():
            return 1

        if __name__ == "__main__":
            KFPWorkflow(one(), workflow_name="script", baseimage=sys.argv[1]).{how}
    """)
    raised = process.stderr.partition("building image")[2].partition("Error: the ")[2]
    assert 'raise ValueError("not " + "here")' in raised
    assert "the script 'run.py' can't be imported: ValueError: not here" in raised


SERIALIZER = """
    import sys
    from functionfuse.backends.addons.kfpback import KFPWorkflow
    from functionfuse.serializers import FILE_PROTOCOL
    from functionfuse.storage.filestorage import FileStorage
    from functionfuse.testing.functions import keep

    class ComplexSerializer:
        name = "complex"
        serializer_class = complex

        def pickle(self, obj, protocols):
            with protocols[FILE_PROTOCOL].open("number", "w") as file:
                file.write(str(obj))
            return self.name, "number"

        def unpickle(self, pid, protocols):
            with protocols[FILE_PROTOCOL].open(pid, "r") as file:
                return complex(file.read())

        def remove(self, pid, protocols):
            protocols[FILE_PROTOCOL].remove(pid)

    if __name__ == "__main__":
        w = KFPWorkflow(keep(1 + 2j).set_name("one"), workflow_name="w", baseimage=sys.argv[1])
        storage = FileStorage(sys.argv[2])
        storage.register_persistent_serializers(ComplexSerializer())
        w.set_storage(storage)
        w.run(local=True)
        print(storage.read_task("w", "one"))
"""


@pytest.mark.parametrize("is_script", [True, False])
def test_a_serializer_that_a_script_or_cell_defines_is_found(
    run_script, base_image, tmp_path, is_script
):
    if is_script:
        process = run_script(SERIALIZER)
    else:
        process = subprocess.run(
            [sys.executable, "-", base_image, str(tmp_path / "storage")],
            cwd=tmp_path / "script",
            input=dedent(SERIALIZER),
            capture_output=True,
            text=True,
        )
    assert process.stdout == "(1+2j)\n", process.stderr
