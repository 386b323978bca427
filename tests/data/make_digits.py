"""Makes the real data that the tests and the README run on, from the data sets that scikit-learn ships.

    pip install numpy==2.* scikit-learn==1.* mpmath && python make_digits.py

Writes digits.csv, digits.npz, digits.json, digits.expected.json, diabetes.csv and diabetes.expected.json beside itself.
"""

import json
import os

import numpy as np
from mpmath import mp, mpf
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split

HERE = os.path.dirname(os.path.abspath(__file__))
mp.dps = 50


def decimal(x):
    """The decimal that is exactly the number."""
    text = np.format_float_positional(np.float64(x), unique=True, trim="-")
    assert mpf(text) == mpf(float(x)) and np.float32(text) == x
    return text


def write(name, text):
    with open(os.path.join(HERE, name), "w", encoding="utf-8", newline="\n") as out:
        out.write(text)


def rounded(a):
    """The nearest multiples of 1/1024: exact as short decimals, as f32 and as f64."""
    return (np.round(a * 1024) / 1024).astype(np.float32)


def digits():
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        images / 16.0, labels, test_size=600, random_state=0, stratify=labels
    )
    model = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(train_x, train_y)
    logits = rounded(model.decision_function(test_x))
    labels = test_y.astype(np.int64)

    header = ",".join(f"logits.{k}" for k in range(10)) + ",label"
    rows = [",".join([*map(decimal, z), str(y)]) for z, y in zip(logits, labels)]
    write("digits.csv", "\n".join([header, *rows]) + "\n")
    np.savez(os.path.join(HERE, "digits.npz"), logits=logits, label=labels)
    first = ",\n    ".join("[" + ", ".join(map(decimal, z)) + "]" for z in logits[:8])
    write("digits.json", f'{{\n  "logits": [\n    {first}\n  ],\n  "label": {labels[:8].tolist()}\n}}\n')

    expected = {"examples": len(labels), "accuracy": float((logits.argmax(1) == labels).mean())}
    expected |= cross_entropy(logits, labels)
    expected["first_8"] = cross_entropy(logits[:8], labels[:8], gradient=True)
    write("digits.expected.json", json.dumps(expected, indent=1) + "\n")


def cross_entropy(logits, labels, gradient=False):
    """The exact mean, extremes and gradient of softmax cross-entropy, in 50 digits."""
    values, squares, largest, rows = [], mpf(0), mpf(0), []
    for z, y in zip(logits, labels):
        z = [mpf(float(v)) for v in z]
        e = [mp.exp(v) for v in z]
        total = sum(e)
        values.append(mp.log(total) - z[y])
        g = [(v / total - (k == y)) / len(labels) for k, v in enumerate(e)]
        squares += sum(v * v for v in g)
        largest = max(largest, *map(abs, g))
        rows.append([float(v) for v in g])
    order = sorted(range(len(values)), key=lambda i: -values[i])
    result = {
        "loss": "cross_entropy",
        "mean": float(sum(values) / len(values)),
        "sum": float(sum(values)),
        "largest_value": float(values[order[0]]),
        "worst_rows_from_0": order[:3],
        "norm_of_gradient_of_mean": float(mp.sqrt(squares)),
        "largest_gradient_of_mean": float(largest),
    }
    if gradient:
        result["values"] = [float(v) for v in values]
        result["gradient_of_mean"] = rows
    return result


def diabetes():
    features, progression = load_diabetes(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        features, progression, test_size=142, random_state=0
    )
    yhat = rounded(LinearRegression().fit(train_x, train_y).predict(test_x))
    y = test_y.astype(np.float32)
    rows = [f"{decimal(a)},{decimal(b)}" for a, b in zip(yhat, y)]
    write("diabetes.csv", "\n".join(["yhat,y", *rows]) + "\n")
    r = [mpf(float(a)) - mpf(float(b)) for a, b in zip(yhat, y)]
    huber = [v * v / 2 if abs(v) <= 50 else 50 * (abs(v) - 25) for v in r]
    n = len(r)
    force = [max(-50, min(50, v)) / n for v in r]
    expected = {
        "examples": n,
        "squared_error": {"mean": float(sum(v * v for v in r) / n), "norm_of_gradient_of_mean": norm([2 * v / n for v in r])},
        "absolute_error": {"mean": float(sum(map(abs, r)) / n), "norm_of_gradient_of_mean": norm([mp.sign(v) / n for v in r])},
        "huber": {"delta": 50, "mean": float(sum(huber) / n), "norm_of_gradient_of_mean": norm(force)},
    }
    write("diabetes.expected.json", json.dumps(expected, indent=1) + "\n")


def norm(v):
    return float(mp.sqrt(sum(x * x for x in v)))


digits()
diabetes()
