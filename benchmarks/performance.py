#!/usr/bin/env python3
"""Measures all that docs/performance.md shows, and writes the page: python3 benchmarks/performance.py [PART...] [--page docs/performance.md]

The parts: peers, one_thread, conv, ablation, profile, neighbour, scaling, micro, curves; all without. Each keeps what it measured in
build/performance, so that one can be run again without the others. The page, with its pictures beside it, is written from what lies there
when all parts do, and names the commit and the processor of each where they differ. About an hour and a half in all, on a machine where
nothing else runs. Needs what `scripts/bench_peers` does, the programs built with GRADUS_BUILD_BENCHMARKS=ON where libbenchmark-dev is
installed, and matplotlib."""
import argparse
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "peers"))
import performance_tables as tables  # noqa: E402
from cpu_step import MODELS, at_least_one, limit_threads  # noqa: E402
from results import commit, processor_name  # noqa: E402

KEPT = os.path.join(ROOT, "build", "performance")
BIN = os.path.join(ROOT, "build", "release", "bin")

# What each technique brings, one after the other. Options of bench_train.
ABLATION = [
    ("one thread, direct convolutions, every node by itself", ["--threads", "1", "--conv-algorithm", "direct", "--optimize", "0"]),
    ("+ what plans do: nodes in one pass, folding, memory used again", ["--threads", "1", "--conv-algorithm", "direct"]),
    ("+ Winograd", ["--threads", "1"]),
    ("+ the other thread", ["--threads", "2"]),
    ("+ recomputed blocks (for memory, not time)", ["--threads", "2", "--recompute", "1"]),
]


def path(name):
    return os.path.join(KEPT, name)


def run(command, may_end_with=(), stream="stdout"):
    """What the program wrote there."""
    print("+ " + " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, **{stream: subprocess.PIPE}, text=True, cwd=ROOT)
    if done.returncode not in (0, *may_end_with):
        raise subprocess.CalledProcessError(done.returncode, command)
    return getattr(done, stream)


def bench_peers(args, name, *options):
    """Replaces the file `name` when all is measured. Status 1 means that a peer failed: it is named there, and on the page."""
    run(["scripts/bench_peers", "--rounds", str(args.rounds), "--json", path(name) + ".new", *options], may_end_with=(1,))
    os.replace(path(name) + ".new", path(name))


def write(name, text):
    with open(path(name) + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path(name) + ".new", path(name))


def read(name):
    with open(path(name), encoding="utf-8") as file:
        return json.load(file)


def measure_peers(args):
    venv = ["--venv", args.venv] if args.venv else []
    bench_peers(args, "peers.json", "--model", "all", "--batch", "1,128", *venv)


def measure_one_thread(args):
    bench_peers(args, "one_thread.json", "--model", "all", "--batch", "1,128", "--threads", "1", "--peers", "libtorch")


def measure_conv(args):
    bench_peers(args, "conv.json", "--conv")


def measure_ablation(args):
    times = {}
    for _ in range(args.rounds):
        for model in MODELS:
            for name, options in ABLATION:
                line = json.loads(run([os.path.join(BIN, "bench_train"), "--model", model, "--steps", "15", *options]))
                times.setdefault(model, {}).setdefault(name, []).append([line["train_ms"], line["peak_rss_mb"]])
    write("ablation.json", json.dumps(times))


def measure_neighbour(args):
    """Training steps while another program keeps one of two processors busy."""
    times = {}
    for _ in range(args.rounds):
        for model in MODELS:
            for loops in (0, 1):
                busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
                try:
                    for threads in (1, 2):
                        line = json.loads(run([os.path.join(BIN, "bench_train"), "--model", model, "--steps", "15", "--threads", str(threads)]))
                        times.setdefault(model, {}).setdefault(loops, {}).setdefault(threads, []).append(line["train_ms"])
                finally:
                    for process in busy:
                        process.kill()
                        process.wait()
    write("neighbour.json", json.dumps(times))


def measure_scaling(args):
    times = {}
    for _ in range(args.rounds):
        for algorithm in ("auto", "direct"):
            for line in map(json.loads, run([os.path.join(BIN, "bench_scaling"), "--conv-algorithm", algorithm]).splitlines()):
                times.setdefault((line["axis"], line["value"], algorithm), []).append(line["ms"])
    write("scaling.jsonl", "".join(json.dumps({"axis": axis, "value": value, "conv_algorithm": algorithm, "ms": statistics.median(ms)}) + "\n"
                                   for (axis, value, algorithm), ms in times.items()))


def measure_profile(args):
    """What the ops of a training step take of it, on one thread: the table that explain() gives."""
    shares = {}
    for model in MODELS:
        said = run([os.path.join(BIN, "bench_train"), "--model", model, "--steps", "15", "--threads", "1", "--profile", "1"], stream="stderr")
        rows = [row.split() for row in said.split("\nop ", 1)[1].split("\n\n", 1)[0].splitlines()[1:]]  # op, steps, ms, share, bytes
        shares[model] = [(row[0], float(row[2])) for row in rows]
    write("profile.json", json.dumps(shares))


def measure_micro(args):
    write("micro.json", run([os.path.join(BIN, "bench_micro"), f"--benchmark_filter={tables.MICRO_FILTER}", "--benchmark_format=json",
                             f"--benchmark_repetitions={max(args.rounds, 2)}", "--benchmark_report_aggregates_only=true"]))


def measure_curves(args):
    """resnet20's loss on drawn images of CIFAR-10's size: whether rounding in another order, as other algorithms do, changes what is learnt."""
    losses = {}
    for seed in range(1, args.rounds + 1):
        for algorithm in ("direct", "auto"):
            run([os.path.join(BIN, "train_cifar10"), "--limit", "2560", "--epochs", "8", "--seed", str(seed), "--conv-algorithm", algorithm,
                 "--quiet", "--json", path("curve.json")])
            losses.setdefault(algorithm, {})[seed] = [epoch["loss"] for epoch in read("curve.json")["epochs"]]
    write("curves.json", json.dumps(losses))


MEASURE = {"peers": measure_peers, "one_thread": measure_one_thread, "conv": measure_conv, "ablation": measure_ablation,
           "neighbour": measure_neighbour, "profile": measure_profile, "scaling": measure_scaling, "micro": measure_micro, "curves": measure_curves}
FILES = {part: f"{part}.jsonl" if part == "scaling" else f"{part}.json" for part in MEASURE}


def read_origins():
    return read("origins.json") if os.path.exists(path("origins.json")) else {}


def keep_origin(part, args):
    """Where and of what a part was measured, beside what was."""
    origins = read_origins()
    origins[part] = {"commit": commit(), "processor": processor(), "date": datetime.date.today().isoformat(), "rounds": args.rounds}
    write("origins.json", json.dumps(origins))


def processor():
    """With the instruction set that our kernels take there."""
    device = [line for line in run([os.path.join(BIN, "gradus"), "devices"]).splitlines() if line.startswith("cpu:0")]
    chosen = device[0].split(";")[0].split(",")[-1].strip() if device else "?"
    return f"{processor_name()}, {os.cpu_count()} processors, kernels for {chosen}"


def differing_origins(origins):
    """"; conv at commit 1234, 2 rounds" for parts that were measured elsewhere than the first."""
    first, text = origins["peers"], ""
    for part in MEASURE:
        differences = [f"{key} {origins[part][key]}" for key in ("commit", "processor", "date", "rounds") if origins[part][key] != first[key]]
        if differences:
            text += f"; {part}: {', '.join(differences)}"
    return text


def page(target):
    peers, conv, one_thread, origins = read(FILES["peers"]), read(FILES["conv"]), read(FILES["one_thread"]), read("origins.json")
    with open(os.path.join(HERE, "performance.md.in"), encoding="utf-8") as file:
        text = file.read()
    versions = ", ".join(f"{name} {version}" for name, version in peers["versions"].items() if name != "gradus")
    failed = "; ".join([f"{f['framework']} failed on {f['model']}, batch {f['batch']}" for f in peers["failed"] + one_thread["failed"]] +
                       [f"{f['shape']} failed" for f in conv["failed"]])
    own = {key: str(value or "?") for key, value in origins["peers"].items()}
    filled = {
        "DATE": own["date"], "PROCESSOR": own["processor"], "VERSIONS": versions, "COMMIT": own["commit"], "ROUNDS": own["rounds"],
        "ELSEWHERE": differing_origins(origins), "THREADS": str(peers["threads"]), "FAILED": f" {failed}." if failed else "",
        "SPREAD": f"{max(r['spread'] for r in peers['results'] if r['framework'] == 'gradus'):.2f}", "LIBTORCH": peers["versions"]["libtorch"],
        "PEERS": tables.peers(peers), "ONE_THREAD": tables.peers(one_thread, memory=False), "CONV": tables.conv(conv),
        **{part.upper(): getattr(tables, part)(read(FILES[part])) for part in ("ablation", "profile", "neighbour", "micro", "curves")},
        "PEAK": f"{conv['fma_peak_gflops']:.0f}", "BANDWIDTH": f"{conv['copy_gb_per_s']:.0f}",
        "MEAN": f"{conv['geometric_mean']:.2f}", "MEAN_IN_TRAINING": f"{conv['geometric_mean_in_training']:.2f}",
        "MEDIAN": f"{conv['median']:.2f}", "WORST": f"{conv['worst']:.2f}",
    }
    for name, value in filled.items():
        text = text.replace("{{" + name + "}}", value)
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    run([sys.executable, os.path.join(HERE, "plot.py"), "--conv", path("conv.json"), "--scaling", path("scaling.jsonl"), "--curves",
         path("curves.json"), "--out", os.path.join(os.path.dirname(os.path.abspath(target)), "performance")])
    print(target)


def known_part(text):
    if text not in MEASURE:
        raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(MEASURE)}")
    return text


def main():
    parser = argparse.ArgumentParser(prog="performance.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", type=known_part, metavar="PART", help=f"{', '.join(MEASURE)} [all]")
    parser.add_argument("--rounds", type=at_least_one, default=5, help="[5]")
    parser.add_argument("--venv", metavar="DIR", help="as bench_peers'")
    parser.add_argument("--page", metavar="FILE", default=os.path.join(ROOT, "docs", "performance.md"), help="[docs/performance.md]")
    args = parser.parse_args()
    os.makedirs(KEPT, exist_ok=True)
    limit_threads(2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that programs which run beside are ended
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup sets it
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    for part in args.parts or MEASURE:
        try:
            MEASURE[part](args)
            keep_origin(part, args)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            sys.exit(f"performance.py: {part}: {error}")
        except KeyboardInterrupt:
            sys.exit(f"performance.py: {part}: interrupted; the parts before are kept in {KEPT}")
    missing = [part for part in MEASURE if part not in read_origins() or not os.path.exists(path(FILES[part]))]
    if missing:
        print(f"the page waits for the parts {', '.join(missing)}")
        return
    try:
        page(args.page)
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        sys.exit(f"performance.py: cannot write {args.page} from what is in {KEPT}: {type(error).__name__} {error}")


main()
