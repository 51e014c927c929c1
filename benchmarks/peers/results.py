"""What scripts/bench_peers writes: tables, and a file with all that was measured and on what."""
import contextlib
import datetime
import json
import os
import platform
import re
import shlex
import subprocess
import sys

from cpu_step import cores, stop
from peers import ROOT

NUMBER = r"([0-9.]+( \([0-9.]+\))?)?"  # with a ratio in brackets, or nothing


def table(rows):
    """A table in Markdown, its columns aligned; the first row is its head, and columns of numbers stand to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = [len(rows) > 1 and all(re.fullmatch(NUMBER, row[column]) for row in rows[1:]) for column in range(len(rows[0]))]

    def line(row):
        return "| " + " | ".join(cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(row, widths, right)) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if to_right else "-") for width, to_right in zip(widths, right)) + "|"
    return "\n".join([line(rows[0]), rule] + [line(row) for row in rows[1:]])


def processor_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def commit():
    """Of the sources; None outside a git repository."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True, cwd=ROOT)
    except OSError:
        return None
    return done.stdout.strip() or None


def check_path(path):
    """Of --json, before anything is measured: what the file holds stays until there is something to write."""
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    if os.path.lexists(real) and not os.path.isfile(real) or path.endswith("/"):
        stop("bench_peers", f"cannot write {path}: it is not a regular file")
    if not os.path.isdir(folder):
        stop("bench_peers", f"there is no folder {folder} for --json")
    if not os.access(folder, os.W_OK):
        stop("bench_peers", f"cannot write {path}: files cannot be made in its folder")


class Results:
    """All that was measured, kept in a file as it grows: what stops a run loses only what it had not measured."""

    def __init__(self, path, threads, rounds):
        self.path = os.path.realpath(path) if path else None  # where a link leads to
        self.data = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                     "command": shlex.join(["scripts/bench_peers", *sys.argv[1:]]), "commit": commit(),
                     "machine": {"processor": processor_name(), "processors": os.cpu_count(), "used": sorted(cores()[:threads]),
                                 "system": platform.platform()},
                     "threads": threads, "rounds": rounds, "versions": {}, "missing": [], "failed": [], "results": []}

    def save(self):
        """Replaces the file when all of it is written."""
        if not self.path:
            return
        beside = f"{self.path}.part"
        try:
            with open(beside, "w", encoding="utf-8") as file:
                json.dump(self.data, file, indent=1)
                file.write("\n")
            os.replace(beside, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.remove(beside)
            stop("bench_peers", f"cannot write {self.path}: {error.strerror}")
