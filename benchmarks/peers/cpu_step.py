"""What the Python peers of bench_train share: the command line, the threads, the clock and the line of JSON. Standard library only.

A peer says `args = parse(...)` before it imports its library, since libraries look at their threads when they are loaded, and then
`report(..., train, infer)`, with two functions of nothing that do one step and return when its result is there.
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time

MODELS = {"lenet5": (28, 28, 1), "deep_mnist": (28, 28, 1), "resnet20": (32, 32, 3)}  # rows, columns, channels
GPU_PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gpu")  # which define lenet5 and resnet20
LEARNING_RATE = 1e-6  # as bench_train's, which says why


def stop(program, text):
    """Ends with one line and exit status 2."""
    print(f"{program}: {text}", file=sys.stderr)
    sys.exit(2)


def at_least_one(text):
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"it must be an integer, 1 or more; got '{text}'")
    return number


def cores():
    """The processors that this process may use, one of each core first and its hardware threads last."""
    first, others, seen = [], [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", encoding="utf-8") as file:
                core = file.read().strip()
        except OSError:
            core = str(cpu)
        (others if core in seen else first).append(cpu)
        seen.add(core)
    return first + others


def limit_threads(threads):
    """Holds this process and its children to as many processors as threads, whatever pools a library may start: no library has a switch for all
    of its threads. With more threads than processors it keeps them all."""
    os.sched_setaffinity(0, cores()[:threads])
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):  # NPROC sizes the pools of XLA's CPU client
        os.environ[variable] = str(threads)


def parse(program, library, modes):
    parser = argparse.ArgumentParser(prog=program, description=f"The peer of bench_train in {library}: the same model, data and optimiser "
                                     "(momentum SGD, float32). Prints one line of JSON.")
    parser.add_argument("--model", default="lenet5", choices=list(MODELS))
    parser.add_argument("--batch", type=at_least_one, default=128, help="images per step")
    parser.add_argument("--threads", type=at_least_one, default=2, help="also the number of processors that the process is held to")
    parser.add_argument("--steps", type=at_least_one, default=60, help="steps that are timed")
    parser.add_argument("--mode", default=modes[0], choices=modes)
    parser.add_argument("--probe", action="store_true", help="only print the library's version; exit status 2 where it cannot be loaded")
    args = parser.parse_args()
    limit_threads(args.threads)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the CPU is what is measured
    sys.path.append(GPU_PEERS)
    return args


def memory_mb(field):
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field + ":")) / 1024


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(step, warmup, steps):
    """(median ms of a step, processors that were busy in the mean). The first steps compile, and are not counted."""
    for _ in range(warmup):
        step()
    times = []
    busy, begin = processor_seconds(), time.perf_counter()
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times), (processor_seconds() - busy) / (time.perf_counter() - begin)


def report(framework, version, args, train, infer, loaded_mb):
    """loaded_mb: resident memory before the model was built, of the interpreter and the library alone."""
    train_ms, busy = timed(train, 10, args.steps)
    infer_ms, _ = timed(infer, 5, args.steps)
    print(json.dumps({"framework": framework, "version": version, "model": args.model, "batch": args.batch, "threads": args.threads,
                      "train_ms": round(train_ms, 4), "infer_ms": round(infer_ms, 4), "images_per_s": round(1e3 * args.batch / train_ms),
                      "peak_rss_mb": round(memory_mb("VmHWM"), 1), "loaded_rss_mb": round(loaded_mb, 1), "busy_processors": round(busy, 2)}))
