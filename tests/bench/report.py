#!/usr/bin/env python3
"""What a benchmark found: figures with their bars, as lines, as JSON, and as the table of the README, which nobody types.

    report.py [--check]    renders tests/bench/README.md from tests/bench/results/*.json, or says whether it is what they say
"""
import dataclasses
import json
import operator
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}
# Of a table of rows: title, field, digits after the point. The broker's, and what is printed of it besides.
COLUMNS = (("requests/s", "rps", 0), ("CPU us/request", "cpu_us", 1), ("p50 us", "p50_us", 0), ("p99 us", "p99_us", 0))
PRINTED = COLUMNS + (("client us", "client_us", 1), ("failed", "failed", 0))
BEGIN, END = "<!-- results of {}: rendered by report.py -->", "<!-- end of results -->"


@dataclasses.dataclass
class Figure:
    """One number. `bar` is such as `<= 1.25`, empty where there is none. `spoiled` says why the number does not count."""
    name: str
    value: float | None
    bar: str
    what: str
    spoiled: str = ""

    @property
    def met(self):
        if not self.bar:
            return None
        sign, limit = self.bar.split()
        return not self.spoiled and self.value is not None and COMPARE[sign](self.value, float(limit))

    def verdict(self):
        text = "" if self.met is None else "met" if self.met else "not met"
        return text + (f" ({self.spoiled})" if self.spoiled else "")

    def shown(self):
        return "none" if self.value is None else f"{self.value:.3g}" if abs(self.value) < 100 else f"{self.value:.0f}"


def median_ratio(rounds, over, under):
    """Median over the rounds of one number by another of the same round; each is (row, field)."""
    ratios = [each[over[0]][over[1]] / each[under[0]][under[1]] for each in rounds if each[under[0]][under[1]] and each[over[0]][over[1]] is not None]
    return statistics.median(ratios) if ratios else None


def median_rows(rounds):
    """Row by row the median of each number."""
    out = {}
    for row in rounds[0] if rounds else []:
        out[row] = {field: statistics.median(each[row][field] for each in rounds) for field in rounds[0][row]
                    if all(each[row][field] is not None for each in rounds)}
    return out


def version(*argv):
    try:
        return subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = re.search(r"MemTotal:\s*(\d+) kB", pathlib.Path("/proc/meminfo").read_text(encoding="utf-8"))
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"))
    return {"cores": os.cpu_count(), "cpu": cpu.group(1) if cpu else platform.machine(), "memory_gib": round(int(memory.group(1)) / 2**20, 1),
            "kernel": platform.release().split("-")[0], "system": system.group(1), "compiler": version("g++", "--version"),
            "grpc": version("pkg-config", "--modversion", "grpc++"), "openssl": version("openssl", "version"),
            "python": platform.python_version(), "load_before": os.getloadavg()[0]}


def cells(row, columns):
    return [f"{row[field]:.{digits}f}" if row.get(field) is not None else "" for _, field, digits in columns]


def print_rows(rows, columns=PRINTED):
    widths = [max(9, len(title) + 2) for title, _, _ in columns]
    print(f"\n{'':18}" + "".join(f"{title:>{width}}" for (title, _, _), width in zip(columns, widths)))
    for name, row in rows.items():
        print(f"{name:18}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells(row, columns), widths)))


def print_figures(figures):
    print(f"\n{'':42}{'value':>9}  {'bar':10}")
    for figure in figures:
        print(f"{figure.name:42}{figure.shown():>9}  {figure.bar:10}{figure.verdict()}")
    print()
    print_ratios(figures)


def print_ratios(figures):
    for figure in figures:
        print(f"ratio {figure.name} {figure.shown()}")


def to_json(figures, **more):
    return {"machine": machine(), **more,
            "figures": [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]}


def table(found):
    shape = found["machine"]
    lines = [f"Measured at commit {found['commit']} on {shape['cores']} cores of {shape['cpu']}, {shape['memory_gib']} GiB, Linux {shape['kernel']}, "
             f"{shape['system']}, {shape['compiler']}, gRPC {shape['grpc']}, {shape['openssl']}, Python {shape['python']}; "
             f"load average before: {shape['load_before']:.2f}. {found['how']}", ""]
    if found["rows"]:
        columns = found.get("columns", COLUMNS)
        lines += ["| server | " + " | ".join(title for title, _, _ in columns) + " |", "| --- |" + " ---: |" * len(columns)]
        lines += [f"| {name} | " + " | ".join(cells(row, columns)) + " |" for name, row in found["rows"].items()]
        lines.append("")
    lines += ["| figure | value | bar | | what it is |", "| --- | ---: | --- | --- | --- |"]
    for one in found["figures"]:
        figure = Figure(one["name"], one["value"], one["bar"], one["what"], one["spoiled"])
        lines.append(f"| `{figure.name}` | {figure.shown()} | {figure.bar} | {figure.verdict()} | {figure.what} |")
    return "\n".join(lines)


def render(readme, results):
    """The README's text with each table in its place; `results` by name."""
    for name, found in results.items():
        begin = BEGIN.format(name)
        before, rest = readme.split(begin, 1)
        readme = before + begin + "\n" + table(found) + "\n" + END + rest.split(END, 1)[1]
    return readme


def main():
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    results = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted((HERE / "results").glob("*.json"))}
    rendered = render(text, results)
    if "--check" in sys.argv[1:]:
        return 0 if rendered == text else 1
    readme.write_text(rendered, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
