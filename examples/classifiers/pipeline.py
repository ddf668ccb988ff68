"""Ten classifiers on five data sets: what to compute, and nothing about where.

Each data set goes ``data -> split -> model``, with ten models; their scores meet in ``table``.
"""

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    make_circles,
    make_classification,
    make_moons,
)
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from functionfuse import workflow

CLASSIFIERS = {
    "Nearest Neighbors": (KNeighborsClassifier, {"n_neighbors": 3}),
    "Linear SVM": (SVC, {"kernel": "linear", "C": 0.025}),
    "RBF SVM": (SVC, {"gamma": 2, "C": 1}),
    "Gaussian Process": (GaussianProcessClassifier, {"kernel": 1.0 * RBF(1.0)}),
    "Decision Tree": (DecisionTreeClassifier, {"max_depth": 5, "random_state": 42}),
    "Random Forest": (
        RandomForestClassifier,
        {"max_depth": 5, "n_estimators": 10, "max_features": 1, "random_state": 42},
    ),
    "Neural Net": (MLPClassifier, {"alpha": 1, "max_iter": 1000, "random_state": 42}),
    "AdaBoost": (AdaBoostClassifier, {"random_state": 42}),
    "Naive Bayes": (GaussianNB, {}),
    "QDA": (QuadraticDiscriminantAnalysis, {}),
}


@workflow
def moons():
    """Return two interleaved half circles."""
    return make_moons(noise=0.3, random_state=0)


@workflow
def circles():
    """Return a circle within a circle."""
    return make_circles(noise=0.2, factor=0.5, random_state=1)


@workflow
def linearly_separable():
    """Return two clouds that a straight line almost divides."""
    points, labels = make_classification(
        n_features=2, n_redundant=0, n_clusters_per_class=1, random_state=1
    )
    return points + 2 * np.random.RandomState(2).uniform(size=points.shape), labels


@workflow
def digits():
    """Return 8 x 8 images of handwritten digits."""
    return load_digits(return_X_y=True)


@workflow
def breast_cancer():
    """Return measurements of benign and malignant tumours."""
    return load_breast_cancer(return_X_y=True)


@workflow
def split(data, train_size, most, dimensions):
    """Return at most `most` training samples and the other ones, in at most `dimensions`."""
    points, labels = data
    size = min(most, int(train_size * len(labels)))
    points_train, points_test, labels_train, labels_test = train_test_split(
        points, labels, train_size=size, random_state=42
    )
    scaler = make_pipeline(StandardScaler())
    if points.shape[1] > dimensions:
        scaler.steps.append(("pca", PCA(dimensions, svd_solver="full")))
    points_train = scaler.fit_transform(points_train)
    # Distances grow with the dimension, and the classifiers' parameters are meant for two.
    unit = np.sqrt(points_train.var(axis=0).sum() / 2)
    return {
        "X_train": points_train / unit,
        "y_train": labels_train,
        "X_test": scaler.transform(points_test) / unit,
        "y_test": labels_test,
    }


@workflow
def fit(classifier, train, test, **parameters):
    """Return the fitted model and its accuracy on the test part."""
    model = classifier(**parameters).fit(*train)
    return {"model": model, "score": model.score(*test)}


@workflow
def tabulate(scores):
    """Return the accuracies as text, a line per classifier and a column per data set."""
    classifiers = next(iter(scores.values()))
    lines = [" " * 20 + "".join(f"{name:>20}" for name in scores)]
    for name in classifiers:
        lines.append(f"{name:20}" + "".join(f"{column[name]:20.3f}" for column in scores.values()))
    return "\n".join(lines)


def compare(datasets):
    """Return the table of every classifier on every data set; calls only build the graph."""
    scores = {}
    for dataset, data in datasets.items():
        parts = split(data.set_name(f"data, {dataset}"), train_size=0.6, most=300, dimensions=12)
        parts.set_name(f"split, {dataset}")
        train = parts["X_train"], parts["y_train"]
        test = parts["X_test"], parts["y_test"]
        scores[dataset] = {}
        for name, (classifier, parameters) in CLASSIFIERS.items():
            fitted = fit(classifier, train, test, **parameters)
            scores[dataset][name] = fitted.set_name(f"model, {dataset}, {name}")["score"]
    return tabulate(scores).set_name("table")


table = compare(
    {
        "moons": moons(),
        "circles": circles(),
        "linearly separable": linearly_separable(),
        "digits": digits(),
        "breast cancer": breast_cancer(),
    }
)
