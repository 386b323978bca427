"""Makes the broken data files beside itself: `pip install numpy && python make.py`. `cases.json` is written by hand."""

import io
import os
import zipfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
Z = np.array([[2, 0, -1], [0.5, 1, 3], [1, 1, 1], [-2, 4, 0]], np.float32)
LABELS = np.array([1, 2, 0, 1], np.int64)


def save(name, data):
    with open(os.path.join(HERE, name), "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode())


def npz(**arrays):
    """An npz whose bytes do not depend on the time of day."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), array if isinstance(array, bytes) else npy(array))
    return out.getvalue()


def npy(array, allow_pickle=False):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=allow_pickle)
    return out.getvalue()


def rows(*lines):
    return "\n".join(lines) + "\n"


good = ["logits.0,logits.1,logits.2,label", "2,0,-1,1", "0.5,1,3,2", "1,1,1,0", "-2,4,0,1"]

# csv
save("good.csv", rows(*good))
save("empty.csv", "")
save("header_only.csv", rows(good[0]))
save("missing_column.csv", rows(*(line.rsplit(",", 1)[0] for line in good)))
save("gap_in_axis.csv", rows("logits.0,logits.2,label", "2,-1,1"))
save("ragged.csv", rows(*good[:2], "0.5,1,2", *good[3:]))
save("word.csv", rows(*good[:3], "1,one,1,0", good[4]))
save("empty_cell.csv", rows(*good[:3], "1,,1,0", good[4]))
save("label_too_large.csv", rows(*good[:3], "1,1,1,3", good[4]))
save("label_fraction.csv", rows(*good[:3], "1,1,1,0.5", good[4]))
save("duplicate_column.csv", rows("yhat,y,yhat", "1,2,3"))
save("not_utf8.csv", b"yhat,y\n1,\xff\xfe\n")
save("nan_in_domain.csv", rows("p,y", "0.5,1", "nan,0"))
save("outside_domain.csv", rows("p,y", "0.5,1", "0.25,0", "1.5,0"))
save("not_in_set.csv", rows("score,y", "1,1", "0.5,0"))
save("windows.csv", "\ufeff" + "\r\n".join(good) + "\r\n")

# json
save("good.json", '{"logits": [[2, 0, -1], [0.5, 1, 3], [1, 1, 1], [-2, 4, 0]], "label": [1, 2, 0, 1]}')
save("empty.json", "")
save("truncated.json", '{"logits": [[2, 0, -1], [0.5, 1')
save("duplicate_key.json", '{"yhat": [1, 2], "y": [0, 0], "yhat": [3, 4]}')
save("not_an_object.json", "[[2, 0, -1]]")
save("ragged.json", '{"logits": [[2, 0, -1], [0.5, 1]], "label": [1, 2]}')
save("text_value.json", '{"yhat": [1, "two"], "y": [0, 0]}')
save("null_value.json", '{"yhat": [1, null], "y": [0, 0]}')
save("fractional_label.json", '{"logits": [[2, 0, -1]], "label": [0.5]}')
save("huge_label.json", '{"logits": [[2, 0, -1]], "label": [9223372036854775808]}')
save("batches_differ.json", '{"yhat": [1, 2, 3], "y": [0, 0]}')
save("too_few_axes.json", '{"logits": 2, "label": 0}')
save("shape_and_data_differ.json", '{"logits": {"shape": [2, 3], "data": [1, 2, 3, 4, 5]}, "label": [0, 1]}')
save("negative_shape.json", '{"yhat": {"shape": [-1], "data": [1]}, "y": [1]}')
save("huge_shape.json", '{"yhat": {"shape": [4294967296, 4294967296], "data": []}, "y": [1]}')
save("no_examples.json", '{"yhat": [], "y": []}')
save("unknown_key.json", '{"yhat": [1], "y": [0], "wieght": [1]}')
save("param_outside_domain.json", '{"yhat": [1], "y": [0], "delta": -1}')
save("not_a_simplex.json", '{"logits": [[2, 0, -1], [0, 0, 0]], "truth": [[0.5, 0.25, 0.25], [0.5, 0.5, 0.5]]}')
save("extent_differs.json", '{"logits": [[2, 0, -1]], "label": [0], "weight": [1, 2]}')
save("specials.json", '{"yhat": ["NaN", 1, "Infinity"], "y": [0, 0, 0]}')
save("deep.json", '{"yhat": ' + "[" * 10_000 + "]" * 10_000 + ', "y": [0]}')

# npy and npz
save("good.npz", npz(logits=Z, label=LABELS))
save("truncated.npz", npz(logits=Z, label=LABELS)[:300])
save("not_a_zip.npz", rows(*good))
save("missing_array.npz", npz(logits=Z))
save("float_label.npz", npz(logits=Z, label=LABELS.astype(np.float32)))
save("fractional_label.npz", npz(logits=Z, label=LABELS + 0.5))
save("label_too_large.npz", npz(logits=Z, label=np.array([1, 2, 7, 1], np.int64)))
save("fortran_order.npz", npz(logits=np.asfortranarray(Z), label=LABELS))
save("big_endian.npz", npz(logits=Z.astype(">f4"), label=LABELS.astype(">i8")))
save("small_integers.npz", npz(logits=Z.astype(np.float64), label=LABELS.astype(np.uint8)))
save("object_dtype.npz", npz(logits=npy(np.array([1, "a"], object), allow_pickle=True), label=LABELS))
save("complex_dtype.npz", npz(logits=Z.astype(np.complex64), label=LABELS))
save("wrong_rank.npz", npz(logits=Z[0], label=LABELS))
save("batches_differ.npz", npz(logits=Z, label=LABELS[:3]))
save("truncated_array.npz", npz(logits=npy(Z)[:-8], label=LABELS))
save("single.npy", npy(Z))
save("not_npy.npy", b"\x93NUMPX" + npy(Z)[6:])
save("huge_shape.npy", npy(Z).replace(b"(4, 3), }" + b" " * 12, b"(4000000000000, 3), }"))
save("empty.npy", b"")
