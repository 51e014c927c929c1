"""The tables of docs/performance.md, in Markdown, from what performance.py measured."""
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
from results import table  # noqa: E402

# Of bench_micro's figures: (benchmark, what it is, key in its line, factor, unit).
MICRO = [
    ("TinyNodes/50", "each more node of a step of small ones, its kernel included", "ns_per_node", 1, "ns"),
    ("RunNothing", "`session.run()` of nothing", "real_time", 1, "ns"),
    ("BuildResnet20", "the graph of resnet20 with gradients and updates", "real_time", 1, "ms"),
    ("CompileResnet20", "a session for it, its plan and `report()`", "real_time", 1, "ms"),
    ("FirstStep/iterations:20/manual_time", "a process that trains lenet5 for one step of 128 images, from start to end", "real_time", 1, "ms"),
    ("Input/lenet5/real_time", "28x28x1 images shuffled, cropped, flipped and normalised, by one thread", "items_per_second", 1e-3, "thousand/s"),
    ("Input/resnet20/real_time", "32x32x3 images, the same", "items_per_second", 1e-3, "thousand/s"),
    ("Lenet5/1/real_time", "lenet5 trained on images that are there, by one thread", "items_per_second", 1e-3, "thousand/s"),
    ("Lenet5/2/real_time", "by two", "items_per_second", 1e-3, "thousand/s"),
]
MICRO_FILTER = "^(TinyNodes/50$|RunNothing|BuildResnet20|CompileResnet20|FirstStep|Input|Lenet5)"


def peers(data, memory=True):
    results = {(r["model"], r["batch"], r["framework"]): r for r in data["results"]}
    names = list(dict.fromkeys(r["framework"] for r in data["results"]))[1:]
    rows = [["model", "batch", "", "Gradus"] + [f"{name} / ours" for name in names]]
    for model, batch in dict.fromkeys((m, b) for m, b, _ in results):
        own = results[model, batch, "gradus"]
        figures = [("step, ms", "train_ms", 3), ("inference, ms", "infer_ms", 3)] + ([("peak MB", "peak_rss_mb", 0)] if memory else [])
        for what, key, places in figures:
            ratios = [f"{results[model, batch, n][key] / own[key]:.2f}" if (model, batch, n) in results else "" for n in names]
            rows.append([model, str(batch), what, f"{own[key]:.{places}f}", *ratios])
    return table(rows)


def conv(data):
    rows = [["shape", "op", "ms", "GFLOP/s", "/ peak", "libtorch / ours"]]
    for c in data["results"]:
        rows.append([c["shape"], c["op"], f"{c['ms']:.2f}", f"{c['gflops']:.0f}", f"{c['gflops'] / data['fma_peak_gflops']:.2f}",
                     f"{c['ratio']:.2f}" if c["ratio"] else ""])
    return table(rows)


def ablation(data):
    """data[model][what] = [[ms, peak MB] of each round]."""
    rows = [["training step, batch 128, ms (peak MB)", *data]]
    for name in next(iter(data.values())):
        cells = [[statistics.median(values) for values in zip(*data[model][name])] for model in data]
        rows.append([name, *(f"{ms:.1f} ({mb:.0f})" for ms, mb in cells)])
    return table(rows)


def profile(data, most=7):
    """data[model] = [(op, ms)], the dearest first."""
    rows = [["training step, batch 128, one thread", "ms", "of it"]]
    for model, ops in data.items():
        total = sum(ms for _, ms in ops)
        rows += [[f"{model}: {op}", f"{ms:.2f}", f"{ms / total:.0%}"] for op, ms in ops[:most]]
    return table(rows)


def neighbour(data):
    """data[model][busy loops][threads] = [ms of each round]."""
    rows = [["training step, batch 128, ms", "alone: one thread", "two", "beside a busy loop: one thread", "two"]]
    for model, times in data.items():
        rows.append([model, *(f"{statistics.median(times[busy][threads]):.1f}" for busy in ("0", "1") for threads in ("1", "2"))])
    return table(rows)


def micro(data):
    """data: what `bench_micro --benchmark_format=json` printed, with repetitions."""
    medians = {b["run_name"]: b for b in data["benchmarks"] if b.get("aggregate_name") == "median"}
    rows = [["what it costs, or how many", "", ""]]
    for name, what, key, factor, unit in MICRO:
        value = medians[name][key] * factor
        rows.append([what, f"{value:.0f}" if value >= 100 else f"{value:.3g}", unit])
    return table(rows)


def curves(data):
    """data[algorithm][seed] = [loss of each epoch]."""
    rows = [["epoch", *(f"{algorithm}, mean of {len(seeds)} seeds (least to most)" for algorithm, seeds in data.items())]]
    columns = [list(zip(*seeds.values())) for seeds in data.values()]  # the seeds' losses, epoch by epoch
    for epoch, cells in enumerate(zip(*columns), 1):
        rows.append([str(epoch), *(f"{statistics.mean(c):.3f} ({min(c):.3f} to {max(c):.3f})" for c in cells)])
    return table(rows)
