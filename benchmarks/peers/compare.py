"""The work of scripts/bench_peers: Gradus and its peers in turns on the same processors, and the ratios of their medians."""
import argparse
import os
import signal
import statistics
import sys

import compare_conv
import make_venv
import peers
from cpu_step import MODELS, at_least_one, cores, limit_threads, stop
from results import Results, check_path, table


def numbers(text):
    return [at_least_one(part) for part in text.split(",")]


def parse():
    parser = argparse.ArgumentParser(prog="bench_peers", description="Times training steps and inference on CPUs in Gradus and in every peer that is "
                                     "found (libtorch, PyTorch, TensorFlow, JAX), in turns on the same processors; prints medians and the ratios "
                                     "peer / ours (above 1: ours is faster).")
    parser.add_argument("--model", default="lenet5", choices=[*MODELS, "all"])
    parser.add_argument("--batch", type=numbers, default=[128], metavar="N,N", help="images per step; several, one after the other [128]")
    parser.add_argument("--threads", type=at_least_one, default=2, help="of each framework, held to as many processors [2]")
    parser.add_argument("--steps", type=at_least_one, help="steps that a program times in a round [as many as fill --seconds with ours]")
    parser.add_argument("--seconds", type=float, default=1.0, help="see --steps [1]")
    parser.add_argument("--rounds", type=at_least_one, default=5, help="rounds, in each of which every program runs once [5]")
    parser.add_argument("--peers", default="", metavar="TEXT,TEXT", help="only the peers whose name has one of these in it: 'libtorch,pytorch compile'")
    parser.add_argument("--bin", metavar="DIR", default=peers.DEFAULT_BIN, help="the folder of our programs and libtorch's [build/release/bin]")
    parser.add_argument("--venv", metavar="DIR", help="a virtual environment of Python with the other peers [build/peer_venv where it exists]")
    parser.add_argument("--make-venv", nargs="?", const=peers.DEFAULT_VENV, metavar="DIR",
                        help="only make that environment and install the peers in it, some GB [build/peer_venv]")
    parser.add_argument("--json", metavar="FILE", help="a file for all results, with versions, processor, date and command")
    parser.add_argument("--timeout", type=at_least_one, default=1800, help="seconds that one run of a program may take [1800]")
    parser.add_argument("--conv", action="store_true", help="compare convolutions with libtorch's, by shape and op, in place of models")
    parser.add_argument("--only", default="", metavar="TEXT", help="with --conv: only the shapes whose name has this in it")
    args = parser.parse_args()
    if args.only and not args.conv:
        parser.error("--only is for --conv; --model and --peers choose what is trained")
    if args.conv:
        for option in ("model", "batch", "steps", "seconds", "peers", "venv"):
            if getattr(args, option) != parser.get_default(option):
                parser.error(f"--{option} is for training; with --conv, --only chooses shapes")
    if args.peers and not any(part.strip() for part in args.peers.split(",")):
        parser.error(f"--peers names no peer; got '{args.peers}'")
    if args.json == "":
        parser.error("--json takes the name of a file; got ''")
    if not 0 < args.seconds < 1e6:
        parser.error(f"--seconds must be above 0 and below a million; got {args.seconds:g}")
    return args


def chosen(commands, text):
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    kept = {name: command for name, command in commands.items() if not wanted or any(part in name for part in wanted)}
    if text and not kept:
        stop("bench_peers", f"none of the peers that are here has '{text}' in its name; here: {', '.join(commands) or 'none'}")
    return kept


def steps_for(args, command, case):
    if args.steps:
        return args.steps
    trial = peers.run([*command, *case, "--steps", "5"], args.timeout)[0]
    return max(5, min(1000, round(1e3 * args.seconds / trial["train_ms"])))


def measure(args, commands, model, batch, results):
    """The medians over the rounds of each program by name; those that fail are left out, and said."""
    case = ["--model", model, "--batch", str(batch), "--threads", str(args.threads)]
    runs = {}
    try:
        steps = steps_for(args, commands["gradus"], case)
    except peers.Failure:
        steps = 5  # it will fail again, and be told, below
    failed = set()
    for _ in range(args.rounds):
        for name, command in commands.items():
            if name in failed:
                continue
            try:
                runs.setdefault(name, []).append(peers.run([*command, *case, "--steps", str(steps)], args.timeout)[0])
            except peers.Failure as failure:
                failed.add(name)
                runs.pop(name, None)
                peers.say(f"{name} failed on {model}, batch {batch}: {failure}")
                results.data["failed"].append({"framework": name, "model": model, "batch": batch, "error": str(failure)})
    medians = {}
    for name, lines in runs.items():
        medians[name] = {key: statistics.median(line[key] for line in lines) for key in ("train_ms", "infer_ms", "peak_rss_mb", "busy_processors")}
        medians[name]["spread"] = max(line["train_ms"] for line in lines) / min(line["train_ms"] for line in lines)
        results.data["versions"][name.split()[0]] = lines[0]["version"]
        results.data["results"].append({"framework": name, "model": model, "batch": batch, "steps": steps, **medians[name], "rounds": lines})
    results.save()
    return medians, steps


def cell(value, own, places):
    """A value, and in brackets how many times ours it is."""
    return f"{value:.{places}f}" + (f" ({value / own:.2f})" if own else "")


def print_case(medians, title):
    own = medians.get("gradus", {})
    rows = [["", "train ms", "spread", "infer ms", "peak MB", "busy processors"]]
    for name, m in medians.items():
        mine = {} if name == "gradus" else own
        rows.append([name, cell(m["train_ms"], mine.get("train_ms"), 3), f"{m['spread']:.2f}", cell(m["infer_ms"], mine.get("infer_ms"), 3),
                     cell(m["peak_rss_mb"], mine.get("peak_rss_mb"), 0), f"{m['busy_processors']:.2f}"])
    print(f"\n{title}\n\n{table(rows)}", flush=True)


def summary(cases, names):
    """Ours, the fastest peer, and the ratios to ours of each, for all cases."""
    rows = [["model", "batch", "", "ours ms", "fastest peer", "ms", "fastest / ours"] + [f"{name} / ours" for name in names]]
    for (model, batch), medians in cases.items():
        for what in ("train", "infer"):
            times = {name: m[f"{what}_ms"] for name, m in medians.items()}
            own = times.pop("gradus", None)
            if own is None or not times:
                continue
            best = min(times, key=times.get)
            rows.append([model, str(batch), what, f"{own:.3f}", best, f"{times[best]:.3f}", f"{times[best] / own:.2f}"] +
                        [f"{times[name] / own:.2f}" if name in times else "" for name in names])
    return table(rows) if len(rows) > 1 else "there is nothing to compare"


def train(args):
    commands = {"gradus": [peers.ours(args.bin, "bench_train")]}
    results = Results(args.json, args.threads, args.rounds)
    found, results.data["missing"] = peers.find(args.bin, args.venv)
    found = chosen(found, args.peers)
    commands.update(found)
    if "libtorch nchw" in found:
        results.data["libtorch_blas"] = peers.warn_of_reference_blas(found["libtorch nchw"][0])
    limit_threads(args.threads)  # for every program that is started, ours included
    cases = {}
    for model in MODELS if args.model == "all" else [args.model]:
        for batch in args.batch:
            medians, steps = measure(args, commands, model, batch, results)
            cases[model, batch] = medians
            if medians:
                print_case(medians, f"{model}, batch {batch}, {args.threads} threads: medians of {args.rounds} rounds of {steps} steps "
                           "(in brackets: how many times ours)")
    print(f"\n{summary(cases, list(found))}\n")
    print("versions: " + ", ".join(f"{name} {version}" for name, version in results.data["versions"].items()))
    print(f"on {results.data['machine']['processor']}, {results.data['date']}: {results.data['command']}")
    return 1 if results.data["failed"] else 0


def main():
    args = parse()
    if args.make_venv:
        return make_venv.make(args.make_venv)
    if args.threads > len(cores()):
        peers.say(f"{args.threads} threads on the {len(cores())} processors that this process may use: they wait for each other")
    if args.json:
        check_path(args.json)
    return compare_conv.compare(args) if args.conv else train(args)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the program which runs is ended
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup sets it
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    except KeyboardInterrupt:
        peers.say("interrupted; what was measured before is in --json's file")
        sys.exit(130)
    except OSError as error:  # of a program, which it names, or of standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        stop("bench_peers", f"{error.filename or 'cannot write the results'}: {error.strerror}")
