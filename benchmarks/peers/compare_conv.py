"""scripts/bench_peers --conv: each convolution in Gradus and in libtorch's better layout, in turns, and the ratios of the medians."""
import math
import os
import statistics
import subprocess
import sys

import peers
from cpu_step import limit_threads, stop
from results import Results, table


def shapes(program, only):
    try:
        done = subprocess.run([program, "--list"], capture_output=True, text=True)
    except OSError as error:
        stop("bench_peers", f"{program} cannot be started: {error.strerror}")
    if done.returncode != 0:
        stop("bench_peers", f"{program} --list failed: {(done.stderr.strip().splitlines() or ['it printed nothing'])[-1]}")
    names = done.stdout.splitlines()
    chosen = [name for name in names if only in name]
    if not chosen:
        stop("bench_peers", f"no shape has '{only}' in its name; the shapes: {'; '.join(names)}")
    return chosen


def measure(args, programs, shape):
    """({(framework, layout, op): ms of each round}, {op: our first line of it}, the machine's GFLOP/s and GB/s)."""
    times, lines, machine = {}, {}, (0, 0)
    for _ in range(args.rounds):
        for program in programs:
            for line in peers.run([program, "--only", shape, "--threads", str(args.threads)], args.timeout):
                if "fma_peak_gflops" in line:
                    machine = tuple(map(max, machine, (line["fma_peak_gflops"], line["copy_gb_per_s"])))
                    continue
                times.setdefault((line["framework"], line["layout"], line["op"]), []).append(line["ms"])
                if line["framework"] == "gradus":
                    lines.setdefault(line["op"], line)
    return times, lines, machine


def geometric_mean(cells):
    return math.exp(statistics.fmean(math.log(c["ratio"]) for c in cells))


def compare(args):
    ours, peer = peers.ours(args.bin, "bench_conv"), os.path.join(args.bin, "peer_conv_libtorch")
    names = shapes(ours, args.only)
    results = Results(args.json, args.threads, args.rounds)
    programs = [ours]
    if os.path.exists(peer):
        programs.append(peer)
        results.data["libtorch_blas"] = peers.warn_of_reference_blas(peer)
    else:
        results.data["missing"] = [f"libtorch: {peer} is not built; {peers.GET_LIBTORCH}"]
        peers.say(f"without {results.data['missing'][0]}")
    limit_threads(args.threads)
    cells, peak, bandwidth = [], 0, 0
    for shape in names:
        peers.say(shape)
        try:
            times, lines, seen = measure(args, programs, shape)
        except peers.Failure as failure:
            peers.say(f"{shape}: {failure}")
            results.data["failed"].append({"shape": shape, "error": str(failure)})
            continue
        peak, bandwidth = max(peak, seen[0]), max(bandwidth, seen[1])
        for op, line in lines.items():
            medians = {layout: statistics.median(ms) for (framework, layout, o), ms in times.items() if framework == "libtorch" and o == op}
            own = statistics.median(times["gradus", "nhwc", op])
            best = min(medians, key=medians.get) if medians else None
            cells.append({"shape": shape, "op": op, "in_training": line["in_training"], "ms": own, "gflops": line["gflops"] * line["ms"] / own,
                          "flops_per_byte": line["flops_per_byte"], "peer": best, "peer_ms": medians.get(best),
                          "ratio": medians[best] / own if best else None,
                          "rounds": {f"{framework} {layout}": ms for (framework, layout, o), ms in times.items() if o == op}})
        results.data.update(results=cells, fma_peak_gflops=peak, copy_gb_per_s=bandwidth)
        results.save()
    if not cells:
        return 1
    rows = [["shape", "op", "ours ms", "GFLOP/s", "of peak", "libtorch ms", "layout", "libtorch / ours"]]
    for c in cells:
        rows.append([c["shape"], c["op"], f"{c['ms']:.3f}", f"{c['gflops']:.0f}", f"{c['gflops'] / peak:.2f}" if peak else ""] +
                    ([f"{c['peer_ms']:.3f}", c["peer"], f"{c['ratio']:.2f}"] if c["peer"] else ["", "", ""]))
    print(table(rows))
    print(f"\nmedians of {args.rounds} rounds, {args.threads} threads; the processors' peak was measured as {peak:.0f} GFLOP/s")
    compared = [c for c in cells if c["ratio"]]
    if compared:
        worst = min(compared, key=lambda c: c["ratio"])
        mean, median = geometric_mean(compared), statistics.median(c["ratio"] for c in compared)
        results.data.update(geometric_mean=mean, median=median, worst=worst["ratio"])
        print(f"libtorch / ours: geometric mean {mean:.2f}, median {median:.2f}; worst {worst['ratio']:.2f} ({worst['shape']}, {worst['op']})")
        if trained := [c for c in compared if c["in_training"]]:
            results.data["geometric_mean_in_training"] = geometric_mean(trained)
            print(f"without gradients by a model's input, which training does not compute: geometric mean {geometric_mean(trained):.2f}")
        results.save()
    print(f"on {results.data['machine']['processor']}, {results.data['date']}: {results.data['command']}")
    return 1 if results.data["failed"] else 0
