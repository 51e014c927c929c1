"""The work of scripts/bench_peers: runs the programs in turns and compares medians."""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys

# Variables of this kind choose OpenBLAS kernels for another processor and would slow the peer down.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}


def blas_of(program):
    """The file of the BLAS library that a program is linked with, directly or not."""
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    found = re.search(r"libblas\S* => (\S+)", listing)
    return os.path.realpath(found.group(1)) if found else "none"


def at_least_one(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"it must be 1 or more; got {text}")
    return number


def main():
    parser = argparse.ArgumentParser(description="Compare training steps with libtorch's.")
    parser.add_argument("--model", default="lenet5", choices=["lenet5", "deep_mnist", "resnet20"])
    parser.add_argument("--batch", type=at_least_one, default=128)
    parser.add_argument("--threads", type=at_least_one, default=2)
    parser.add_argument("--steps", type=at_least_one, default=60)
    parser.add_argument("--rounds", type=at_least_one, default=5)
    parser.add_argument("--bin", default="build/release/bin")
    args = parser.parse_args()
    options = ["--model", args.model, "--batch", str(args.batch), "--threads", str(args.threads), "--steps", str(args.steps)]
    programs = {
        "gradus": ["bench_train"],
        "libtorch nchw": ["peer_train_libtorch", "--layout", "nchw"],
        "libtorch nhwc": ["peer_train_libtorch", "--layout", "nhwc"],
    }
    for command in programs.values():
        command[0] = os.path.join(args.bin, command[0])
        if not os.path.exists(command[0]):
            sys.exit(f"bench_peers: {command[0]} is not built (configure with -DGRADUS_BUILD_BENCHMARKS=ON; libtorch is in Debian's libtorch-dev)")
    blas = blas_of(programs["libtorch nchw"][0])
    print(f"libtorch's BLAS: {blas}")
    if "/blas/" in blas:
        print("bench_peers: that is the unoptimised reference BLAS; for a fair peer install libopenblas0-pthread", file=sys.stderr)
    results = {name: [] for name in programs}
    for _ in range(args.rounds):
        for name, command in programs.items():
            done = subprocess.run(command + options, capture_output=True, text=True, env=ENVIRONMENT)
            if done.returncode != 0:
                sys.exit(f"bench_peers: {name} failed: {done.stderr.strip() or done.returncode}")
            results[name].append(json.loads(done.stdout))

    def median(name, key):
        return statistics.median(result[key] for result in results[name])

    peer = min(("libtorch nchw", "libtorch nhwc"), key=lambda name: median(name, "train_ms"))
    print(f"{args.model}, batch {args.batch}, {args.threads} threads, medians of {args.rounds} rounds of {args.steps} steps")
    for name in ("gradus", peer):
        print(f"{name:15} train {median(name, 'train_ms'):8.3f} ms   infer {median(name, 'infer_ms'):8.3f} ms   "
              f"peak {median(name, 'peak_rss_mb'):6.1f} MB")
    ratios = {key: median(peer, key) / median("gradus", key) for key in ("train_ms", "infer_ms", "peak_rss_mb")}
    print(f"libtorch / ours train {ratios['train_ms']:8.2f}      infer {ratios['infer_ms']:8.2f}      peak {ratios['peak_rss_mb']:6.2f}")
    print(json.dumps({"model": args.model, "batch": args.batch, "threads": args.threads, "peer": peer, "ratios": ratios}))


main()
