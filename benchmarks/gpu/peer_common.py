"""What the peers of bench_gpu share: what is measured, the command line, and the lines of JSON. Standard library only."""
import argparse
import json
import statistics
import sys
import time

MODELS = {"lenet5": {"image": (28, 28, 1), "batches": (64, 256, 1024)}, "resnet20": {"image": (32, 32, 3), "batches": (128, 1024)}}
PRECISIONS = ("float32", "tf32", "bfloat16")  # float32 in full


def stop(program, text):
    """Ends with one line and exit status 2."""
    print(f"{program}: {text}", file=sys.stderr)
    sys.exit(2)


def parse(program, modes):
    parser = argparse.ArgumentParser(prog=program, description="Times training steps (momentum SGD) and inference of lenet5 and resnet20 on a "
                                     "GPU, with random data that lie there; prints lines of JSON like bench_gpu's.")
    parser.add_argument("--probe", action="store_true", help="only say whether it could run: exit status 0 or 2")
    parser.add_argument("--modes", default=",".join(modes), help="in this order: " + ",".join(modes))
    parser.add_argument("--only", default="", help='measurements whose name holds this: "lenet5 64 float32 train"')
    parser.add_argument("--steps", type=int, default=50, help="steps of a block, which is waited for once")
    parser.add_argument("--blocks", type=int, default=7, help="blocks, of which the median counts")
    parser.add_argument("--warmup", type=int, default=10, help="steps before")
    parser.add_argument("--seconds", type=float, default=0, help="after which no further measurement begins; 0: no limit")
    args = parser.parse_args()
    for mode in args.modes.split(","):
        if mode not in modes:
            stop(program, f"no mode '{mode}'; modes: {', '.join(modes)}")
    return args


def measurements(args):
    """Yields (mode, model, batch, precision, what), those of a mode together, until the time is up."""
    begin = time.monotonic()
    for mode in args.modes.split(","):
        for model, facts in MODELS.items():
            for batch in facts["batches"]:
                for precision in PRECISIONS:
                    for what in ("train", "infer"):
                        if args.only not in f"{model} {batch} {precision} {what}":
                            continue
                        if args.seconds and time.monotonic() - begin > args.seconds:
                            return
                        yield mode, model, batch, precision, what


def report(program, framework, version, args, measure):
    """Calls measure(mode, model, batch, precision, what) -> (ms per step of each block, memory in MB or None) for all that is asked for, and prints a
    line for each. What fails is told on stderr, and the others go on: exit status 1 then."""
    failed = False
    for mode, model, batch, precision, what in measurements(args):
        try:
            times, memory = measure(mode, model, batch, precision, what)
        except Exception as error:  # whatever the library throws: it is one cell of a table
            failed = True
            text = (str(error).strip().splitlines() or [type(error).__name__])[0]
            print(f"{program}: {mode} {model} {batch} {precision} {what}: {text}", file=sys.stderr, flush=True)
            continue
        ms = statistics.median(times)
        print(json.dumps({"framework": framework, "version": version, "mode": mode, "model": model, "batch": batch, "precision": precision,
                          "what": what, "ms": round(ms, 5), "images_per_s": round(1e3 * batch / ms), "blocks": len(times),
                          "steps": args.steps, "memory_mb": None if memory is None else round(memory, 1)}), flush=True)
    return 1 if failed else 0
