"""The work of scripts/bench_gpu: Gradus and its peers on one GPU, one after the other, and the ratios of their times."""
import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {"torch": "peer_torch.py", "jax": "peer_jax.py"}


def key_of(line):
    return line["model"], line["batch"], line["precision"], line["what"]


def read_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def run(command, name, seconds=None):
    """The lines of a program. What it says on stderr is passed on; one that fails or takes too long has the lines it printed before."""
    begin = time.monotonic()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds)
        text, ending = done.stdout, f"exit status {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired as error:
        text = error.stdout or ""
        text, ending = text.decode() if isinstance(text, bytes) else text, f"stopped after {time.monotonic() - begin:.0f} s"
    lines = read_lines(text)
    print(f"bench_gpu: {name}: {len(lines)} measurements in {time.monotonic() - begin:.0f} s" + (f" ({ending})" if ending else ""), file=sys.stderr)
    return lines


def probe(peer):
    """Whether it could run; what it says where it could not."""
    done = subprocess.run([sys.executable, os.path.join(HERE, PEERS[peer]), "--probe"], capture_output=True, text=True)
    return done.returncode == 0, (done.stderr.strip().splitlines() or ["it ends without a word"])[-1]


def table(ours, peers):
    """Rows of what was measured here: our ms, and of each way of a peer its ms and how many times ours that is."""
    ways = sorted({(line["framework"], line["mode"]) for line in peers})
    by_way = {(line["framework"], line["mode"], *key_of(line)): line["ms"] for line in peers}
    rows = [["model", "batch", "precision", "", "gradus ms"] + [f"{framework} {mode}" for framework, mode in ways] + ["best / ours"]]
    for line in ours:
        cells, ratios = [], []
        for way in ways:
            ms = by_way.get((*way, *key_of(line)))
            cells.append("" if ms is None else f"{ms:.3f} ({ms / line['ms']:.2f})")
            ratios += [] if ms is None else [ms / line["ms"]]
        rows.append([line["model"], str(line["batch"]), line["precision"], line["what"], f"{line['ms']:.3f}"] + cells +
                    [f"{min(ratios):.2f}" if ratios else ""])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def summary(ours, peers):
    """One line: how often the fastest way of all peers is slower than ours."""
    best = {}
    for line in peers:
        best[key_of(line)] = min(line["ms"], best.get(key_of(line), line["ms"]))
    compared = [line for line in ours if key_of(line) in best]
    if not compared:
        return "no peer measured any of it"
    faster = sum(best[key_of(line)] > line["ms"] for line in compared)
    return f"Gradus is faster than the fastest peer in {faster} of {len(compared)} measurements"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(prog="bench_gpu", description="Times Gradus, PyTorch and JAX on one GPU, and prints a table: ms per step, "
                                     "and of the peers in brackets how many times ours that is (above 1: ours is faster).")
    parser.add_argument("--ours", default="build/release/bin/bench_gpu", help="our program")
    parser.add_argument("--ours-file", help="its lines, from a run before, in the place of the program")
    parser.add_argument("--only", default="", help='measurements whose name holds this: "lenet5 64 float32 train"')
    parser.add_argument("--steps", type=int, default=50, help="of a block, which is waited for once")
    parser.add_argument("--blocks", type=int, default=7, help="of which the median counts")
    parser.add_argument("--device", default="cuda:0", help="for our program")
    parser.add_argument("--batch", type=int, default=0, help="for our program, in place of the models' own")
    parser.add_argument("--seconds", type=float, default=0, help="for all peers together; 0: no limit")
    parser.add_argument("--lines", help="a file for the peers' lines")
    parser.add_argument("--report", help="a file for what was found, as the steps of scripts/gpu_check write it")
    parser.add_argument("--probe", action="store_true", help="only say whether a peer could run: exit status 0 or 2")
    args = parser.parse_args()
    able = []
    for peer in PEERS:
        could, why_not = probe(peer)
        if could:
            able.append(peer)
        else:
            print(f"bench_gpu: without {peer}: {why_not}", file=sys.stderr)
    if args.probe:
        return 0 if able else 2

    begin = time.monotonic()
    options = ["--only", args.only] if args.only else []
    options += ["--steps", str(args.steps), "--blocks", str(args.blocks)]
    if args.ours_file:
        with open(args.ours_file, encoding="utf-8") as file:
            ours = read_lines(file.read())
    elif not os.path.exists(args.ours):
        print(f"bench_gpu: {args.ours} is not built (configure with -DGRADUS_BUILD_BENCHMARKS=ON)", file=sys.stderr)
        return 2
    else:
        ours = run([args.ours, "--device", args.device, "--batch", str(args.batch), *options], "gradus")
    if not ours:
        print("bench_gpu: there is nothing of ours to compare with", file=sys.stderr)
        return 2
    peers = []
    for number, peer in enumerate(able):
        command = [sys.executable, os.path.join(HERE, PEERS[peer]), *options]
        left = None
        if args.seconds:
            left = max((args.seconds - (time.monotonic() - begin)) / (len(able) - number), 1)
            command += ["--seconds", f"{0.8 * left:.1f}"]
        peers += run(command, peer, left)
        if args.lines:
            write(args.lines, "".join(json.dumps(line) + "\n" for line in peers))
    text = table(ours, peers)
    print(text)
    print(summary(ours, peers))
    if args.report:
        write(args.report, json.dumps({"name": "peers", "verdict": "passed" if peers else "failed", "seconds": time.monotonic() - begin,
                                       "checked": len(peers), "failed": 0 if peers else 1,
                                       "failures": [] if peers else ["no peer measured anything"], "summary": summary(ours, peers),
                                       "details": {"measured": peers, "table": text.splitlines()}}, indent=1))
    return 0 if peers or not able else 1


if __name__ == "__main__":
    sys.exit(main())
