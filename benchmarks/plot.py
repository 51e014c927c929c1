#!/usr/bin/env python3
"""Draws what the benchmarks measured, as SVG: a roofline of the convolutions, how a training step's cost grows, and losses.

    build/release/bin/bench_scaling > scaling.jsonl; build/release/bin/bench_scaling --conv-algorithm direct >> scaling.jsonl
    scripts/bench_peers --conv --json convolutions.json
    python3 benchmarks/plot.py --conv convolutions.json --scaling scaling.jsonl --out plots

Needs matplotlib (Debian: python3-matplotlib)."""
import argparse
import json
import os
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("plot.py: matplotlib is missing; on Debian: apt-get install python3-matplotlib, elsewhere: pip install matplotlib")
matplotlib.use("svg")
# Text stays text, and the same numbers give the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "gradus", "font.size": 10, "axes.grid": True, "grid.alpha": 0.3})
from matplotlib import pyplot as plt  # noqa: E402, after use()
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter  # noqa: E402

OP_MARKERS = {"forward": "o", "backprop_input": "s", "backprop_filter": "^"}
AXES = {"batch": "images per step", "channels": "channels", "depth": "convolutions one after the other", "threads": "threads"}


def save(figure, folder, name):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    print(path)


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        sys.exit(f"plot.py: {path}: {error}")


def read_lines(path):
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip()]
    except (OSError, ValueError) as error:
        sys.exit(f"plot.py: {path}: {error}")


def draw_roofline(path, folder):
    """GFLOP/s by the definition over floating-point operations per byte (Williams et al. 2009), ours and libtorch's better layout."""
    data = read_json(path)
    peak, bandwidth, cells = data["fma_peak_gflops"], data["copy_gb_per_s"], data["results"]
    if not cells:
        sys.exit(f"plot.py: {path}: no measurements")
    figure, axes = plt.subplots(figsize=(8, 5))
    most = max(c["flops_per_byte"] for c in cells) * 2
    least = min(c["flops_per_byte"] for c in cells) / 2
    xs = [least, min(max(peak / bandwidth, least), most), most]
    axes.plot(xs, [min(peak, bandwidth * x) for x in xs], color="black", label=f"the machine: {peak:.0f} GFLOP/s, {bandwidth:.0f} GB/s")
    for op, marker in OP_MARKERS.items():
        mine = [c for c in cells if c["op"] == op]
        theirs = [c for c in mine if c["ratio"]]
        axes.scatter([c["flops_per_byte"] for c in theirs], [c["gflops"] / c["ratio"] for c in theirs], marker=marker, facecolors="none",
                     edgecolors="tab:orange", label=f"libtorch, {op}")
        axes.scatter([c["flops_per_byte"] for c in mine], [c["gflops"] for c in mine], marker=marker, color="tab:blue", label=f"Gradus, {op}")
    axes.set(xscale="log", yscale="log", xlabel="floating-point operations per byte of image, filter and result",
             ylabel="GFLOP/s, by the definition", title=f"Convolutions, {data['threads']} threads")
    axes.legend(fontsize=8, loc="lower right")
    save(figure, folder, "roofline.svg")


def draw_scaling(path, folder):
    points = read_lines(path)
    if not points:
        sys.exit(f"plot.py: {path}: no measurements")
    figure, grid = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for axes, (axis, label) in zip(grid.flat, AXES.items()):
        for algorithm in dict.fromkeys(p["conv_algorithm"] for p in points):
            mine = [p for p in points if p["axis"] == axis and p["conv_algorithm"] == algorithm]
            axes.plot([p["value"] for p in mine], [p["ms"] for p in mine], marker="o", label=algorithm)
        values = sorted({p["value"] for p in points if p["axis"] == axis})
        if not values:  # of bench_scaling --only
            axes.set_axis_off()
            continue
        axes.set(xscale="log", yscale="log", xlabel=label, ylabel="ms per training step")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks(values, [str(v) for v in values])
        axes.minorticks_off()
        axes.legend(title="--conv-algorithm", fontsize=8)
    save(figure, folder, "scaling.svg")


def draw_curves(path, folder):
    """The loss after each epoch, of every algorithm and seed."""
    figure, axes = plt.subplots(figsize=(8, 4))
    data = read_json(path)
    if not data:
        sys.exit(f"plot.py: {path}: no measurements")
    for (algorithm, seeds), style in zip(data.items(), ("-", "--", ":", "-.")):
        for index, (seed, losses) in enumerate(seeds.items()):
            axes.plot(range(1, len(losses) + 1), losses, style, color=f"C{index}", label=f"{algorithm}, seed {seed}")
    axes.set(xlabel="epoch", ylabel="mean loss of its batches", title="ResNet-20 by --conv-algorithm")
    axes.legend(fontsize=8, ncols=2)
    save(figure, folder, "curves.svg")


def main():
    parser = argparse.ArgumentParser(prog="plot.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conv", metavar="FILE", help="of scripts/bench_peers --conv --json")
    parser.add_argument("--scaling", metavar="FILE", help="lines of bench_scaling")
    parser.add_argument("--curves", metavar="FILE", help="of performance.py curves: a loss per epoch, by algorithm and seed")
    parser.add_argument("--out", metavar="DIR", default="plots", help="[plots]")
    args = parser.parse_args()
    if not args.conv and not args.scaling and not args.curves:
        parser.error("nothing to draw: give --conv, --scaling or --curves")
    for draw, file in ((draw_roofline, args.conv), (draw_scaling, args.scaling), (draw_curves, args.curves)):
        if not file:
            continue
        try:
            draw(file, args.out)
        except OSError as error:
            sys.exit(f"plot.py: {error}")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            sys.exit(f"plot.py: {file} is not what the help says it is: {type(error).__name__} {error}")


main()
