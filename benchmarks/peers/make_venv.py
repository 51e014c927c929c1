"""scripts/bench_peers --make-venv: a virtual environment with the peers that come as Python packages."""
import os
import subprocess
import sys

from peers import HERE, PYTHON_PEERS, say

# Packages and, for each, the arguments of pip that are tried one after the other: PyTorch's own index has a build without CUDA, which is a
# tenth of the size of the other.
PACKAGES = {"PyTorch": [["torch", "--index-url", "https://download.pytorch.org/whl/cpu", "--retries", "1", "--timeout", "15"], ["torch"]],
            "TensorFlow": [["tensorflow-cpu"], ["tensorflow"]], "JAX": [["jax"]]}


def make(folder):
    """Makes it, or adds to it what it lacks. 0 where all peers can be loaded afterwards, 1 where one cannot, 2 without an environment."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        if os.path.exists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
            say(f"{folder} exists and is no virtual environment of Python; name another folder")
            return 2
        if subprocess.run([sys.executable, "-m", "venv", folder]).returncode != 0:
            say(f"{sys.executable} cannot make a virtual environment (Debian: install python3-venv)")
            return 2
    failed = False
    for package, ways in PACKAGES.items():
        probe = [python, os.path.join(HERE, PYTHON_PEERS[package][0]), "--probe"]
        loaded = subprocess.run(probe, capture_output=True, text=True)
        for way in ways if loaded.returncode != 0 else []:
            say(f"installs {package}: pip install {' '.join(way)}")
            if subprocess.run([python, "-m", "pip", "install", "--quiet", *way]).returncode == 0:
                loaded = subprocess.run(probe, capture_output=True, text=True)
                if loaded.returncode == 0:
                    break
        if loaded.returncode == 0:
            print(f"{package} {loaded.stdout.strip().splitlines()[-1]}")
        else:
            failed = True
            say(f"{package} could not be installed: {(loaded.stderr.strip().splitlines() or ['see above'])[-1]}")
    print(f"environment: {folder}")
    return 1 if failed else 0
