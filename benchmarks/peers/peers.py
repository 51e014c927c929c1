"""The programs that scripts/bench_peers compares: where they are, how to get those that are missing, and how one is run."""
import json
import os
import re
import subprocess
import sys

from cpu_step import stop

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DEFAULT_VENV = os.path.join(ROOT, "build", "peer_venv")
DEFAULT_BIN = os.path.join(ROOT, "build", "release", "bin")
BUILD_OURS = "cmake --preset release -DGRADUS_BUILD_BENCHMARKS=ON && cmake --build --preset release"
GET_LIBTORCH = f"install libtorch-dev and libopenblas0-pthread, then {BUILD_OURS}"
# Of each Python package its script and modes.
PYTHON_PEERS = {"PyTorch": ("peer_train_torch.py", ["eager", "compile"]), "TensorFlow": ("peer_train_tensorflow.py", ["function", "xla"]),
                "JAX": ("peer_train_jax.py", ["jit"])}


class Failure(Exception):
    """A program that failed; the text is one line."""


def environment():
    """For programs: without the variables by which OpenBLAS takes the kernels of another processor, which would slow a peer down."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_") or name == "OPENBLAS_NUM_THREADS"}


def say(text):
    print(f"bench_peers: {text}", file=sys.stderr, flush=True)


def run(command, seconds):
    """The lines of JSON of a program. Throws Failure with the last line that it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=seconds, errors="replace")
    except subprocess.TimeoutExpired:
        raise Failure(f"it took longer than {seconds} s (--timeout)") from None
    except OSError as error:
        raise Failure(f"it cannot be started: {error.strerror}") from None
    try:
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    except ValueError:
        lines = []
    if done.returncode != 0 or not lines:
        said = done.stderr.strip().splitlines() or ["it printed nothing"]
        raise Failure(f"exit status {done.returncode}: {said[-1]}")
    return lines


def python_of(venv):
    """The interpreter that has the Python peers: that of --venv, of the default environment where there is one, or the one that runs this."""
    folder = venv or DEFAULT_VENV
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(python):
        return python
    if venv:
        stop("bench_peers", f"there is no {python}; scripts/bench_peers --make-venv {venv} makes it")
    return sys.executable


def ours(folder, program):
    path = os.path.join(folder, program)
    if not os.path.exists(path):
        stop("bench_peers", f"{path} is not built ({BUILD_OURS}); --bin names another folder")
    return path


def find(folder, venv):
    """The command of each training peer that is there, by name. Those that are missing are told on stderr, a line each, and returned."""
    commands, missing = {}, []
    program = os.path.join(folder, "peer_train_libtorch")
    if os.path.exists(program):
        commands.update({f"libtorch {layout}": [program, "--layout", layout] for layout in ("nchw", "nhwc")})
    else:
        missing.append(f"libtorch: {program} is not built; {GET_LIBTORCH}")
    python = python_of(venv)
    for package, (script, modes) in PYTHON_PEERS.items():
        path = os.path.join(HERE, script)
        probe = subprocess.run([python, path, "--probe"], capture_output=True, text=True, env=environment(), errors="replace")
        if probe.returncode == 0:
            commands.update({f"{package.lower()} {mode}": [python, path, "--mode", mode] for mode in modes})
        else:
            said = (probe.stderr.strip().splitlines() or ["it ends without a word"])[-1]
            missing.append(f"{package}: {said}; scripts/bench_peers --make-venv installs it")
    for line in missing:
        say(f"without {line}")
    return commands, missing


def warn_of_reference_blas(program):
    """Says so where libtorch would run on the plain BLAS. The file of its BLAS."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    found = re.search(r"libblas\S* => (\S+)", listing)
    blas = os.path.realpath(found.group(1)) if found else "none"
    if "/blas/" in blas:
        say(f"libtorch runs on {blas}, the unoptimised reference BLAS; for a fair peer install libopenblas0-pthread")
    return blas
