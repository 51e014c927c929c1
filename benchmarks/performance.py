#!/usr/bin/env python3
"""Measures all that docs/performance.md shows, and writes the page: python3 benchmarks/performance.py [PART...] [--page docs/performance.md]

The parts: peers, conv, ablation, scaling; all without. Each keeps what it measured in build/performance, so that one can be run again
without the others. The page, with its pictures beside it, is written from what lies there when all parts do. About an hour in all, on a
machine where nothing else runs. Needs what `scripts/bench_peers` does, and matplotlib."""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "peers"))
from cpu_step import MODELS  # noqa: E402
from results import processor_name, table  # noqa: E402

KEPT = os.path.join(ROOT, "build", "performance")
BIN = os.path.join(ROOT, "build", "release", "bin")
PARTS = ["peers", "conv", "ablation", "scaling"]

# What each technique brings, one after the other. Options of bench_train.
ABLATION = [
    ("one thread, direct convolutions, every node by itself", ["--threads", "1", "--conv-algorithm", "direct", "--optimize", "0"]),
    ("+ what plans do: nodes in one pass, folding, memory used again", ["--threads", "1", "--conv-algorithm", "direct"]),
    ("+ Winograd", ["--threads", "1"]),
    ("+ the other thread", ["--threads", "2"]),
    ("+ recomputed blocks (less memory, not time)", ["--threads", "2", "--recompute", "1"]),
]


def path(name):
    return os.path.join(KEPT, name)


def run(command):
    print("+ " + " ".join(command), file=sys.stderr, flush=True)
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT).stdout


def write(name, text):
    with open(path(name) + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path(name) + ".new", path(name))


def read(name):
    with open(path(name), encoding="utf-8") as file:
        return json.load(file)


def measure_peers(args):
    venv = ["--venv", args.venv] if args.venv else []
    run(["scripts/bench_peers", "--model", "all", "--batch", "1,128", "--rounds", str(args.rounds), "--json", path("peers.json"), *venv])


def measure_conv(args):
    run(["scripts/bench_peers", "--conv", "--rounds", str(args.rounds), "--json", path("conv.json")])


def measure_ablation(args):
    times = {}
    for _ in range(args.rounds):
        for model in MODELS:
            for name, options in ABLATION:
                line = json.loads(run([os.path.join(BIN, "bench_train"), "--model", model, "--steps", "15", *options]))
                times.setdefault(model, {}).setdefault(name, []).append([line["train_ms"], line["peak_rss_mb"]])
    write("ablation.json", json.dumps(times))


def measure_scaling(args):
    times = {}
    for _ in range(args.rounds):
        for algorithm in ("auto", "direct"):
            for line in map(json.loads, run([os.path.join(BIN, "bench_scaling"), "--conv-algorithm", algorithm]).splitlines()):
                times.setdefault((line["axis"], line["value"], algorithm), []).append(line["ms"])
    write("scaling.jsonl", "".join(json.dumps({"axis": axis, "value": value, "conv_algorithm": algorithm, "ms": statistics.median(ms)}) + "\n"
                                   for (axis, value, algorithm), ms in times.items()))


def peers_table(data):
    results = {(r["model"], r["batch"], r["framework"]): r for r in data["results"]}
    names = list(dict.fromkeys(r["framework"] for r in data["results"]))[1:]
    rows = [["model", "batch", "", "Gradus ms"] + [f"{name} / ours" for name in names]]
    for model, batch in dict.fromkeys((m, b) for m, b, _ in results):
        own = results[model, batch, "gradus"]
        for what, key, places in (("step", "train_ms", 3), ("inference", "infer_ms", 3), ("peak MB", "peak_rss_mb", 0)):
            ratios = [f"{results[model, batch, n][key] / own[key]:.2f}" if (model, batch, n) in results else "" for n in names]
            rows.append([model, str(batch), what, f"{own[key]:.{places}f}", *ratios])
    return table(rows)


def conv_table(data):
    rows = [["shape", "op", "ms", "GFLOP/s", "of the peak", "libtorch / ours"]]
    for c in data["results"]:
        rows.append([c["shape"], c["op"], f"{c['ms']:.2f}", f"{c['gflops']:.0f}", f"{c['gflops'] / data['fma_peak_gflops']:.2f}",
                     f"{c['ratio']:.2f}" if c["ratio"] else ""])
    return table(rows)


def ablation_table(data):
    rows = [["training step, batch 128, ms (peak MB)", *data]]
    for name, _ in ABLATION:
        cells = [[statistics.median(values) for values in zip(*data[model][name])] for model in data]
        rows.append([name, *(f"{ms:.1f} ({mb:.0f})" for ms, mb in cells)])
    return table(rows)


def page(target):
    peers, conv, ablation = read("peers.json"), read("conv.json"), read("ablation.json")
    with open(os.path.join(HERE, "performance.md.in"), encoding="utf-8") as file:
        text = file.read()
    versions = ", ".join(f"{name} {version}" for name, version in peers["versions"].items() if name != "gradus")
    failed = "; ".join(f"{f['framework']} failed on {f['model']}, batch {f['batch']}" for f in peers["failed"])
    filled = {
        "DATE": peers["date"][:10], "PROCESSOR": f"{processor_name()}, {peers['machine']['processors']} processors", "VERSIONS": versions,
        "COMMIT": peers["commit"] or "?", "ROUNDS": str(peers["rounds"]), "THREADS": str(peers["threads"]),
        "FAILED": f" {failed}." if failed else "",
        "PEERS": peers_table(peers), "CONV": conv_table(conv), "ABLATION": ablation_table(ablation),
        "PEAK": f"{conv['fma_peak_gflops']:.0f}", "BANDWIDTH": f"{conv['copy_gb_per_s']:.0f}",
        "MEAN": f"{conv['geometric_mean']:.2f}", "WORST": f"{conv['worst']:.2f}",
    }
    for name, value in filled.items():
        text = text.replace("{{" + name + "}}", value)
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    run([sys.executable, os.path.join(HERE, "plot.py"), "--conv", path("conv.json"), "--scaling", path("scaling.jsonl"), "--out",
         os.path.join(os.path.dirname(os.path.abspath(target)), "performance")])
    print(target)


def known_part(text):
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(PARTS)}")
    return text


def main():
    parser = argparse.ArgumentParser(prog="performance.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", type=known_part, metavar="PART", help=f"{', '.join(PARTS)} [all]")
    parser.add_argument("--rounds", type=int, default=5, help="[5]")
    parser.add_argument("--venv", metavar="DIR", help="as bench_peers'")
    parser.add_argument("--page", metavar="FILE", default=os.path.join(ROOT, "docs", "performance.md"), help="[docs/performance.md]")
    args = parser.parse_args()
    os.makedirs(KEPT, exist_ok=True)
    for part in args.parts or PARTS:
        try:
            {"peers": measure_peers, "conv": measure_conv, "ablation": measure_ablation, "scaling": measure_scaling}[part](args)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"performance.py: {part}: {error}")
    missing = [name for name in ("peers.json", "conv.json", "ablation.json", "scaling.jsonl") if not os.path.exists(path(name))]
    if missing:
        print(f"the page waits for {', '.join(missing)} in {KEPT}")
    else:
        page(args.page)


main()
