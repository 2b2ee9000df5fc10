#!/usr/bin/env python3
"""The token broker's benchmark. `./dev bench broker` installs, builds and runs it; README.md says what each number means."""
import argparse
import json
import os
import signal
import subprocess
import sys

import broker_paths
import broker_scenarios
from report import HERE, main as render_readme, print_figures, to_json
from stage import ROOT

PARTS = ("cached", "seed", "mixed", "burst", "cap", "overload", "outage")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench broker", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="of " + ", ".join(PARTS) + " or all, which is the default")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds, whose median counts (default 5)")
    parser.add_argument("--seconds", type=float, default=2, help="of each row of a round (default 2)")
    parser.add_argument("--long", action="store_true", help="an outage of 2 minutes, not of 20 seconds")
    parser.add_argument("--fault", default="reset", choices=("reset", "stall", "error"), help="how STS is away (default reset)")
    parser.add_argument("--keep", action="store_true", help="put the results into tests/bench, for the README")
    asked = parser.parse_args()
    parts = set(asked.parts or ["all"])
    if "all" in parts:
        parts = set(PARTS)
    if parts - set(PARTS) or not 1 <= asked.rounds <= 50 or not 0.1 <= asked.seconds <= 60:
        parser.error("parts are " + ", ".join(PARTS) + "; 1 to 50 rounds; 0.1 to 60 seconds")
    if asked.keep and parts != set(PARTS):
        parser.error("--keep is for all parts together: the README shows one run")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the programs are ended on the way out

    rows, figures, details = {}, [], {}
    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The load average is {busy:.2f}: others use this machine, and what follows is noise.")
    kinds = parts & {"cached", "seed", "mixed"}
    if kinds:
        print(f"Paths: {asked.rounds} rounds of {asked.seconds:g} s a row, 64 callers, TLS, a JWT of its own each", flush=True)
        rows, more, details["paths"] = broker_paths.run(kinds, asked.rounds, asked.seconds)
        figures += more
    scenarios = {
        "burst": ("Burst: 1,000 callers of one missing token; 64 at expiry", lambda: broker_scenarios.burst(asked.rounds)),
        "cap": ("Cap: STS gives 100 a second; 1,000 distinct users a second for 30 s", lambda: broker_scenarios.cap(30)),
        "overload": ("Overload: 8,000 new users a second for 10 s", lambda: broker_scenarios.overload(10)),
        "outage": (f"Outage: STS is away ({asked.fault})", lambda: broker_scenarios.outage(120 if asked.long else 20, asked.fault))}
    for name, (title, scenario) in scenarios.items():
        if name in parts:
            print(title, flush=True)
            more, found = scenario()
            figures += more
            details.update(found)
    print_figures(figures)

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip()
    how = f"Median of {asked.rounds} alternating rounds of {asked.seconds:g} s a row; outage of {120 if asked.long else 20} s."
    found = to_json(figures, commit=commit, how=how, rows=rows)
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "broker.json").write_text(json.dumps({**found, "details": details}, indent=1) + "\n", encoding="utf-8")
    print("\nAll of it: build/bench/broker.json")
    if asked.keep:
        (HERE / "results").mkdir(exist_ok=True)
        (HERE / "results/broker.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        sys.argv[1:] = []
        render_readme()
        print("Kept in tests/bench/results/broker.json and the README's table")
    return 0


if __name__ == "__main__":
    sys.exit(main())
