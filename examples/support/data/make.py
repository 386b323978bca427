"""Makes the real data of the examples from the data sets that scikit-learn ships.

    pip install numpy==2.* scikit-learn==1.* && python make.py

Writes digits.txt and tumours.csv beside itself.
"""

import os

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

HERE = os.path.dirname(os.path.abspath(__file__))
SHADES = "0123456789abcdefg"


def write(name, lines):
    with open(os.path.join(HERE, name), "w", encoding="utf-8", newline="\n") as out:
        out.write("\n".join(lines) + "\n")


def shuffled(count):
    return np.random.RandomState(0).permutation(count)


def digits():
    images, labels = load_digits(return_X_y=True)
    rows = shuffled(len(labels))[:1200]
    write("digits.txt", ["".join(SHADES[int(x)] for x in images[r]) + f" {labels[r]}" for r in rows])


def tumours():
    data = load_breast_cancer()
    names = [name.removeprefix("mean ").replace(" ", "_") for name in data.feature_names[:10]]
    assert list(data.target_names) == ["malignant", "benign"]
    rows = shuffled(len(data.target))
    numbers = [",".join(f"{x:g}" for x in data.data[r, :10]) + f",{1 - data.target[r]}" for r in rows]
    write("tumours.csv", [",".join([*names, "malignant"]), *numbers])


digits()
tumours()
