"""Draw the comparison from what a run has stored: ``python draw.py [STORAGE]``."""

import sys

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure

from functionfuse.storage import storage_factory

WORKFLOW = "classifiers"
CLASSES = ListedColormap(["#b8412a", "#1f5f8b"])
SURFACE = LinearSegmentedColormap.from_list("surface", ["#eda58f", "#ffffff", "#8dbbd8"])
HEAT = LinearSegmentedColormap.from_list("heat", ["#ffffff", "#2e7d6b"])
DOTS = {"cmap": CLASSES, "linewidths": 0.6, "edgecolors": "white"}


def read(storage):
    """Return the stored parts by data set, and the stored models by classifier and data set."""
    parts, models = {}, {}
    for task in storage.list_tasks(WORKFLOW, "split, *"):
        parts[task.split(", ")[1]] = storage.read_task(WORKFLOW, task)
    for task in storage.list_tasks(WORKFLOW, "model, *"):
        _, dataset, classifier = task.split(", ")
        models.setdefault(classifier, {})[dataset] = storage.read_task(WORKFLOW, task)
    return parts, models


def mean_score(results):
    """Return the accuracy of a classifier, averaged over its data sets."""
    return np.mean([result["score"] for result in results.values()])


def side(model, points):
    """Return on which side of the boundary each point lies: -1 and 1 for sure, 0 on it."""
    if hasattr(model, "predict_proba"):
        return 2 * model.predict_proba(points)[:, 1] - 1
    return np.tanh(model.decision_function(points))


def frame(ax, part):
    """Fit the axes to a data set in the plane, and return their extent."""
    points = np.vstack([part["X_train"], part["X_test"]])
    (left, bottom), (right, top) = points.min(axis=0) - 0.4, points.max(axis=0) + 0.4
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    ax.spines[:].set_color("#999999")
    return left, right, bottom, top


def draw_data(ax, part, dataset):
    """Draw a data set, with the test samples in a lighter tone."""
    frame(ax, part)
    ax.scatter(*part["X_train"].T, c=part["y_train"], s=20, **DOTS)
    ax.scatter(*part["X_test"].T, c=part["y_test"], s=20, alpha=0.45, **DOTS)
    ax.set_ylabel(dataset, fontsize=11)


def draw_surface(ax, part, result):
    """Draw a model's decision surface, the test samples, and the accuracy in the corner."""
    left, right, bottom, top = extent = frame(ax, part)
    x, y = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    z = side(result["model"], np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    ax.imshow(z, cmap=SURFACE, vmin=-1, vmax=1, extent=extent, origin="lower", aspect="auto")
    if z.min() < 0 < z.max():
        ax.contour(x, y, z, levels=[0], colors="#444444", linewidths=0.8)
    ax.scatter(*part["X_test"].T, c=part["y_test"], s=18, **DOTS)
    box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85}
    corner = {"ha": "right", "va": "bottom", "transform": ax.transAxes}
    ax.text(0.96, 0.04, f"{result['score']:.2f}", fontsize=10, bbox=box, **corner)


def draw_heat(ax, scores, datasets):
    """Draw accuracies, a row per data set, below the columns of the classifiers."""
    ax.imshow(scores, cmap=HEAT, vmin=0.3, vmax=1, aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        ink = "white" if score > 0.7 else "black"
        ax.text(column, row, f"{score:.2f}", ha="center", va="center", color=ink, fontsize=11)
    for row, dataset in enumerate(datasets):
        ax.text(-0.6, row, dataset, ha="right", va="center", fontsize=11, in_layout=False)
    ax.set(xticks=[], yticks=[])
    ax.set_xticks(np.arange(scores.shape[1] - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(datasets) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=4)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)


def draw(parts, models):
    """Return the figure: a row per data set and a column per classifier, the best one first."""
    plane = [dataset for dataset, part in parts.items() if part["X_train"].shape[1] == 2]
    others = [dataset for dataset in parts if dataset not in plane]
    classifiers = sorted(models, key=lambda name: mean_score(models[name]), reverse=True)

    rows, columns = len(plane) + 1, len(classifiers) + 1
    figure = Figure(figsize=(1.8 * columns, 1.8 * rows - 0.6), layout="constrained")
    grid = figure.add_gridspec(rows, columns, height_ratios=[1] * len(plane) + [0.5])
    for row, dataset in enumerate(plane):
        draw_data(figure.add_subplot(grid[row, 0]), parts[dataset], dataset)
        for column, name in enumerate(classifiers, start=1):
            draw_surface(
                figure.add_subplot(grid[row, column]), parts[dataset], models[name][dataset]
            )
    for ax, title in zip(figure.axes, ["input data", *classifiers], strict=False):
        ax.set_title(title, fontsize=12)
    scores = [[models[name][dataset]["score"] for name in classifiers] for dataset in others]
    draw_heat(figure.add_subplot(grid[-1, 1:]), np.array(scores), others)
    return figure


path = sys.argv[1] if len(sys.argv) > 1 else "storage"
parts, models = read(storage_factory({"kind": "file", "options": {"path": path}}))
if not models:
    sys.exit(f"nothing stored in {path!r}: run run_local.py first")
draw(parts, models).savefig("comparison.png", dpi=100)
