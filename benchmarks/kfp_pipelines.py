"""Row 18: compiling a pipeline against kfp's own compiler, and building an image anew.

The second needs a Docker Engine, and a base image with this Python that it has or can pull, by
default `python`; the variable `BASE_IMAGE` names another. Without an engine it is not measured.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

from graphs import chain
from harness import Result, Scale, compare
from kfp import compiler, dsl

from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.backends.addons.kfpback._context import Context
from functionfuse.backends.addons.kfpback._image import Engine
from functionfuse.backends.addons.kfpback._registry import Registry
from functionfuse.plan import make_full_plan
from functionfuse.run import Run

IMAGE = "image@sha256:" + 64 * "0"
MOST_NODES = 1_000
"""Kfp's compiler takes minutes for more."""

FILES = 200
REQUIREMENT = "numpy"


def measure(scale: Scale) -> Iterator[Result]:
    """Compile chains, then build an image before and after a line of code changes."""
    sizes = {min(size // 10, MOST_NODES) for size in scale.nodes} | {min(100, MOST_NODES)}
    for size in sorted(sizes):
        yield _compile(size, scale)
    yield from _build()


def _compile(size: int, scale: Scale) -> Result:
    leaf = chain(size)
    with tempfile.TemporaryDirectory() as folder:
        by_hand = Path(folder) / "by_hand.yaml"
        times = compare(
            {
                "ours": lambda: Path(folder, "ours.yaml").write_text(_compile_ours(leaf)),
                "kfp": lambda: compiler.Compiler().compile(_pipeline(size), str(by_hand)),
            },
            scale,
        )
    work = f"compile a pipeline, chain of {size:,} nodes"
    return Result(18, work, "the same written with kfp", times["ours"] / times["kfp"], 1.2)


def _compile_ours(leaf: Any) -> str:
    w = KFPWorkflow(leaf, workflow_name="w")
    run = Run(w.graph, "w", None, "raise", {})
    run.begin(make_full_plan(w.graph, w.graph.leaf_positions))
    return w._compile(w._content(run, {}, None), IMAGE).to_yaml()


def _start(out: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]
    return dsl.ContainerSpec(image=IMAGE, command=["python3", "-m", "m"], args=["{{$}}", out.path])


def _step(value: dsl.Input[dsl.Artifact], out: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]
    args = ["{{$}}", value.path, out.path]
    return dsl.ContainerSpec(image=IMAGE, command=["python3", "-m", "m"], args=args)


def _pipeline(size: int) -> Any:
    start, step = dsl.container_component(_start), dsl.container_component(_step)

    @dsl.pipeline(name="by-hand")
    def pipeline():  # type: ignore[no-untyped-def]
        out = start().outputs["out"]
        for _ in range(size - 1):
            out = step(value=out).outputs["out"]

    return pipeline


def _build() -> Iterator[Result]:
    try:
        engine = Engine(Registry({}))
    except ConnectionError as error:
        print(f"row 18: no image is built: {error}", file=sys.stderr)
        return
    with engine, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(FILES):
            (folder / f"module{number}.py").write_text(f"VALUE = {number}\n")
        (folder / "requirements.txt").write_text(f"{REQUIREMENT}  # {uuid4()}\n")
        base = engine.find_base(os.environ.get("BASE_IMAGE", "python"))
        times, tags = [], []
        for line in ("VALUE = 'one'\n", "VALUE = 'another'\n"):
            (folder / "module0.py").write_text(line)
            start = perf_counter()
            tags.append(engine.build(Context(folder, base, {}, None, []), "functionfuse/benchmark"))
            times.append(perf_counter() - start)
        for tag in tags:
            engine.client.images.remove(tag)
    work = "image after a line of code changed"
    yield Result(18, work, "the first build", times[1] / times[0], 0.2)
