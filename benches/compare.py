#!/usr/bin/env python3
"""Measures lossc beside JAX, and beside PyTorch where it is installed: the same inputs, in turn, in one process.

    cargo build --release
    python3 -m venv target/frameworks && target/frameworks/bin/pip install numpy jax    # and torch, if wanted
    target/frameworks/bin/python benches/compare.py >> benches/rivals/RESULTS.md

lossc runs as any program links it: `lossc build` writes a shared library, and its functions are called on NumPy arrays. A sample of every
contender is taken in every round, and ratios are of samples of the same round. All of them run on one CPU, unless --threads says otherwise.
"""

import argparse
import ctypes
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A sample is made of so many runs that it takes at least this long, in seconds.
SAMPLE = 200e-6
# How far results may be apart, relative to the largest derivative.
TOLERANCE = 5e-5

# The loss in the page, the shipped loss, its params, and the shapes that are measured.
CASES = [
    ("mse", "squared_error", {}, [(64,), (4096,), (1_000_000,), (10_000_000,)]),
    ("Huber", "huber", {"delta": 1}, [(64,), (4096,), (1_000_000,)]),
    ("bce with logits", "binary_cross_entropy_with_logits", {"pos_weight": 1}, [(64,), (4096,), (1_000_000,)]),
    ("sigmoid focal", "sigmoid_focal", {"alpha": 0.25, "gamma": 2}, [(64,), (4096,), (1_000_000,)]),
    (
        "softmax cross-entropy",
        "cross_entropy",
        {"weight": 1, "smoothing": 0},
        [(4096, 10), (4096, 1000), (256, 32_000)],
    ),
]


def main():
    arguments = parse_arguments()
    set_threads(arguments.threads)
    try:
        import numpy
    except ImportError:
        sys.exit("compare.py needs NumPy: pip install numpy, and jax or torch to compare with")
    frameworks = [load() for load in (load_jax, load_torch)]
    frameworks = [framework for framework in frameworks if framework]
    if not frameworks:
        sys.exit("there is nothing to compare with: pip install jax, or torch")
    names = ["lossc"] + [name for framework in frameworks for name in framework.names]
    print_head(arguments, frameworks, names)
    with tempfile.TemporaryDirectory() as folder:
        for title, shipped, params, shapes in CASES:
            loss = Linked(arguments.lossc, folder, shipped, params, numpy)
            for shape in shapes:
                size = " × ".join(map(str, shape))
                if arguments.only and not any(word in f"{title} {size}" for word in arguments.only):
                    continue
                inputs = draw(numpy, title, shape)
                contenders = [("lossc", *loss.contender(inputs))]
                for framework in frameworks:
                    contenders += framework.contenders(title, inputs)
                check(numpy, title, contenders)
                print_row(title, size, names, measure(contenders, arguments))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lossc", default=str(ROOT / "target/release/lossc"), help="the binary")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each contender of a case")
    parser.add_argument("--threads", type=int, default=1, help="of frameworks; linked losses have one")
    parser.add_argument(
        "--cpu-time", action="store_true", help="measure while this process runs, not what others take in between"
    )
    parser.add_argument("--only", action="append", metavar="WORD", help="cases with this word in name or size")
    arguments = parser.parse_args()
    if not os.access(arguments.lossc, os.X_OK):
        parser.error(f"there is no {arguments.lossc}: `cargo build --release`, or give --lossc")
    return arguments


def set_threads(count):
    """Before any framework is there."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    if count == 1:
        os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def draw(numpy, title, shape):
    """Predictions and targets, or logits and labels: the same every time."""
    random = numpy.random.default_rng(7)
    predictions = (2 * random.standard_normal(shape)).astype(numpy.float32)
    if len(shape) == 2:
        return predictions, random.integers(0, shape[1], shape[0], dtype=numpy.int32)
    if title in ("bce with logits", "sigmoid focal"):
        return predictions, random.integers(0, 2, shape).astype(numpy.float32)
    return predictions, (2 * random.standard_normal(shape)).astype(numpy.float32)


class Linked:
    """A loss in a shared library, called through the struct that its header declares."""

    TYPES = {
        "uint64_t": ctypes.c_uint64,
        "double": ctypes.c_double,
    }

    def __init__(self, lossc, folder, shipped, params, numpy):
        self.numpy = numpy
        folder = pathlib.Path(folder) / shipped
        freeze = [part for name, value in params.items() for part in ("--freeze", f"{name}={value}")]
        build = [lossc, "build", shipped, "--emit", "shared,header", "--name", shipped, "-o", str(folder), "--quiet"]
        subprocess.run(build + freeze, check=True)
        header = (folder / f"{shipped}.h").read_text()
        symbol = f"lossc_{shipped}_f32"
        self.call_type = self.structure(header, f"{symbol}_call")
        self.summary_type = self.structure(header, "lossc_summary")
        library = ctypes.CDLL(str(next(folder.glob("*.so"))))
        self.function = getattr(library, symbol)
        self.function.argtypes = [ctypes.POINTER(self.call_type), ctypes.POINTER(self.summary_type)]
        self.workspace = getattr(library, f"{symbol}_workspace")
        self.workspace.argtypes, self.workspace.restype = [ctypes.POINTER(self.call_type)], ctypes.c_uint64
        self.cpu = getattr(library, f"{symbol}_cpu")
        self.cpu.restype = ctypes.c_uint64

    @classmethod
    def structure(cls, header, name):
        """A ctypes class with the fields of a struct of a header."""
        body = re.search(rf"typedef struct {name} {{(.*?)}} {name};", header, re.DOTALL).group(1)
        fields = re.findall(r"^\s*(?:const )?(\w+) (\*?)(\w+);", body, re.MULTILINE)
        typed = [(field, ctypes.c_void_p if star else cls.TYPES[kind]) for kind, star, field in fields]
        return type(name, (ctypes.Structure,), {"_fields_": typed})

    def contender(self, inputs):
        """What runs it, and what gives its results."""
        numpy = self.numpy
        predictions, targets = inputs
        gradient = numpy.zeros_like(predictions)
        call, summary = self.call_type(), self.summary_type()
        call.cpu, call.examples = self.cpu(), predictions.shape[0]
        names = [name for name, _ in self.call_type._fields_]
        places = names[names.index("examples") + 1 : names.index("sample_weights")]
        if predictions.ndim == 2:
            setattr(call, places.pop(0), predictions.shape[1])
        for place, array in zip(places, inputs):
            setattr(call, place, array.ctypes.data)
        setattr(call, next(name for name in names if name.startswith("gradient_")), gradient.ctypes.data)
        scratch = numpy.zeros(max(self.workspace(call), 1), numpy.uint8)
        call.workspace, call.workspace_bytes = scratch.ctypes.data, scratch.size
        function, call_place, summary_place = self.function, ctypes.byref(call), ctypes.byref(summary)

        def run():
            status = function(call_place, summary_place)
            assert status == 0, f"status {status}"

        def results():
            run()
            return summary.sum / summary.weight, gradient

        # The arrays live as long as what points to them.
        run.keep = (inputs, scratch)
        return run, results


class Framework:
    """A framework: its names in the page, and what gives its contenders."""

    def __init__(self, version, names, contenders):
        self.version, self.names, self.contenders = version, names, contenders


def load_jax():
    try:
        import jax
    except ImportError:
        return None
    import jax.numpy as jnp

    def softplus(x):
        return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))

    def huber(x, y):
        size = jnp.abs(x - y)
        return jnp.mean(jnp.where(size <= 1, size * size / 2, size - 0.5))

    def focal(z, y):
        wrong = z * (1 - 2 * y)
        q = jax.nn.sigmoid(wrong)
        return jnp.mean((0.75 - 0.5 * y) * q * q * softplus(wrong))

    def entropy(x, labels):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), labels[:, None], 1))

    losses = {
        "mse": lambda x, y: jnp.mean((x - y) ** 2),
        "Huber": huber,
        "bce with logits": lambda z, y: jnp.mean(softplus(z) - z * y),
        "sigmoid focal": focal,
        "softmax cross-entropy": entropy,
    }

    def contenders(title, inputs):
        compiled = jax.jit(jax.value_and_grad(losses[title]))
        x, y = map(jnp.asarray, inputs)
        return [("jax jit", lambda: jax.block_until_ready(compiled(x, y)), lambda: compiled(x, y))]

    return Framework(f"jax {jax.__version__}", ["jax jit"], contenders)


def load_torch():
    try:
        import torch
    except ImportError:
        return None
    from torch.nn import functional

    def focal(z, y):
        wrong = z * (1 - 2 * y)
        return ((0.75 - 0.5 * y) * torch.sigmoid(wrong) ** 2 * functional.softplus(wrong)).mean()

    losses = {
        "mse": functional.mse_loss,
        "Huber": functional.huber_loss,
        "bce with logits": functional.binary_cross_entropy_with_logits,
        "sigmoid focal": focal,
        "softmax cross-entropy": functional.cross_entropy,
    }
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    def contenders(title, inputs):
        loss = losses[title]
        x, y = map(torch.from_numpy, inputs)
        y = y.long() if y.dtype == torch.int32 else y
        leaf = x.clone().requires_grad_()

        def eager():
            value = loss(leaf, y)
            (gradient,) = torch.autograd.grad(value, leaf)
            return value.detach(), gradient

        # Made for these very shapes: what was compiled for others counts against a limit, past which nothing is compiled.
        torch.compiler.reset()
        pair = torch.compile(torch.func.grad_and_value(loss), dynamic=False)

        def compiled():
            gradient, value = pair(x, y)
            return value, gradient

        return [("torch eager", eager, eager), ("torch.compile", compiled, compiled)]

    return Framework(f"torch {torch.__version__}", ["torch eager", "torch.compile"], contenders)


def check(numpy, title, contenders):
    """All of them must agree with the first."""
    wanted, slopes = None, None
    for name, _, results in contenders:
        value, gradient = results()
        value, gradient = float(value), numpy.asarray(gradient)
        if wanted is None:
            wanted, slopes = value, gradient.copy()
        largest = numpy.abs(slopes).max()
        apart = numpy.abs(gradient - slopes).max() / largest
        if not (abs(value - wanted) <= TOLERANCE * abs(wanted) and apart <= TOLERANCE):
            sys.exit(f"{name} of {title}: {value} instead of {wanted}, derivatives apart by {apart} of the largest")


def measure(contenders, arguments):
    """The medians of all, in seconds, and of their ratios to the first."""
    clock = time.process_time if arguments.cpu_time else time.perf_counter

    def sample(run, count):
        start = clock()
        for _ in range(count):
            run()
        return (clock() - start) / count

    runs = []
    for name, run, _ in contenders:
        run()
        count = 1
        while sample(run, count) * count < SAMPLE:
            count *= 2
        runs.append((name, run, count))
    samples = {name: [] for name, _, _ in runs}
    start = time.perf_counter()
    rounds = 0
    while rounds < 5 or (rounds < 5000 and time.perf_counter() - start < arguments.seconds * len(runs)):
        for name, run, count in runs if rounds % 2 == 0 else reversed(runs):
            samples[name].append(sample(run, count))
        rounds += 1
    first = samples[runs[0][0]]
    ratio = lambda own: statistics.median(a / b for a, b in zip(own, first))
    return {name: (statistics.median(own), min(own), ratio(own)) for name, own in samples.items()}


def print_head(arguments, frameworks, names):
    versions = ", ".join(framework.version for framework in frameworks)
    threads = "one CPU" if arguments.threads == 1 else f"{arguments.threads} threads for frameworks"
    clock = "while the process runs (--cpu-time)" if arguments.cpu_time else "all of it"
    print(
        f"""
## Beside frameworks of Python

Printed by `python benches/compare.py >> benches/rivals/RESULTS.md`.

- Machine: {processor()}, {platform.system().lower()}, {threads}
- Date: {datetime.date.today().isoformat()}
- {versions}, Python {platform.python_version()}
- Seconds for each contender of a case: {arguments.seconds}; time: {clock}

Microseconds for the mean of a batch and its gradient, f32, called from Python: the median (the fastest) of samples that are taken in turn. `×` is how
much longer than lossc: the median over rounds of the ratio of neighbouring samples. lossc is a linked library called through `ctypes`, which takes about a
microsecond of its own.
"""
    )
    print(f"| loss | size | {' | '.join(names)} |")
    print("|---|---|" + "---:|" * len(names), flush=True)


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        return re.search(r"model name\s*: (.*)", text).group(1)
    except (OSError, AttributeError):
        return platform.machine()


def print_row(title, size, names, outcomes):
    cells = []
    for name in names:
        median, fastest, ratio = outcomes[name]
        cell = f"{digits(median * 1e6)} ({digits(fastest * 1e6)})"
        cells.append(cell if name == "lossc" else f"{cell}, × {digits(ratio)}")
    print(f"| {title} | {size} | {' | '.join(cells)} |", flush=True)


def digits(number):
    """Three digits that count, or all of those before the point."""
    return f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2}f}"


if __name__ == "__main__":
    main()
