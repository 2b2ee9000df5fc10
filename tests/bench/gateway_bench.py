#!/usr/bin/env python3
"""The upload gateway's benchmark. `./dev bench gateway` installs, builds and runs it; README.md says what each number means."""
import argparse
import json
import os
import signal
import subprocess
import sys

import gateway_rows
from gateway_stage import GATEWAY, NGINX_BUFFER, GatewayStage, nginx_program
from report import HERE, main as render_readme, median_rows, print_figures, print_ratios, print_rows, to_json
from stage import BENCH, ROOT

SERVERS = ("floor", "wide_floor", "nginx", "gateway")
STREAMS = 4
MIB = 1 << 20
# Part: bytes of an object, TLS on both sides, what its rows are called after.
PARTS = {"plain": (64 * MIB, False, ""), "tls": (64 * MIB, True, "_tls"), "small": (2 * MIB, False, "_small")}


class Bench:
    def __init__(self, stage, parts, servers, seconds, message_bytes, nginx_buffer):
        self.stage, self.seconds, self.message_bytes = stage, seconds, message_bytes
        self.programs = {}
        modes = sorted({PARTS[part][1] for part in parts})
        self.sinks = {tls: stage.start_sink("sink_tls" if tls else "sink", tls) for tls in modes}
        if "gateway" in servers:
            endpoints = {"tls" if tls else "plain": f"http{'s' if tls else ''}://127.0.0.1:{sink.ports['oss']}" for tls, sink in self.sinks.items()}
            stage.mint(STREAMS, audience="sluice-gateway")
            broker = stage.start_gateways_broker(endpoints)
        for tls, sink in self.sinks.items():
            tail = "_tls" if tls else ""
            if "floor" in servers:
                self.programs["floor", tls] = stage.start_floor("floor" + tail, sink, tls)
            if "wide_floor" in servers:
                self.programs["wide_floor", tls] = stage.start_floor("wide_floor" + tail, sink, tls, threads=os.cpu_count())
            if "nginx" in servers:
                self.programs["nginx", tls] = stage.start_nginx("nginx" + tail, sink, tls, nginx_buffer)
            if "gateway" in servers:
                self.programs["gateway", tls] = stage.start_gateway("gateway" + tail, broker, tls)
        self.cases = [(server, part) for part in parts for server in servers]

    def row(self, server, part):
        object_bytes, tls, _ = PARTS[part]
        program, sink = self.programs[server, tls], self.sinks[tls]
        flags = {"mode": "http-put"} if server == "nginx" else {"channels": STREAMS}
        if server == "gateway":
            flags.update(jwts=self.stage.run / "jwts", grant="tls" if tls else "plain")
        before = self.stage.sink_stats(sink, tls)
        program.forget_most_resident()
        found = self.stage.upload(program, tls, (program, sink), streams=STREAMS, object_bytes=object_bytes, message_bytes=self.message_bytes,
                                  seconds=self.seconds, **flags)
        requests = gateway_rows.requests_between(before, self.stage.sink_stats(sink, tls))
        return gateway_rows.upload_row(found, program.pid, sink.pid, program.most_resident_bytes(), requests), found["errors"]

    def round(self, number):
        """Every case once, each time beginning with another one, so that none is always behind the same neighbour."""
        self.stage.empty_audits()
        first = number % len(self.cases)
        rows = {}
        for server, part in self.cases[first:] + self.cases[:first]:
            name = server + PARTS[part][2]
            rows[name], errors = self.row(server, part)
            if errors:
                print(f"    {name}: {errors}", flush=True)
        return {server + PARTS[part][2]: rows[server + PARTS[part][2]] for server, part in self.cases}


def available(asked):
    """Of the servers asked for those that are here; says which are not."""
    missing = {}
    if "nginx" in asked and nginx_program() is None:
        missing["nginx"] = "it is not on PATH, and `./dev bench gateway` could not fetch it"
    for server, program in (("floor", BENCH / "bench-floor"), ("wide_floor", BENCH / "bench-floor"), ("gateway", GATEWAY)):
        if server in asked and not program.exists():
            missing[server] = f"there is no {program.relative_to(ROOT)}"
    for server, why in missing.items():
        print(f"  {server} is left out: {why}")
    return [server for server in SERVERS if server in asked and server not in missing]


def main():
    parser = argparse.ArgumentParser(prog="./dev bench gateway", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="of " + ", ".join(PARTS) + " or all, which is the default")
    parser.add_argument("--rounds", type=int, help="alternating rounds, whose median counts (default 5)")
    parser.add_argument("--seconds", type=float, help="of each row of a round (default 2)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 second, for a first look")
    parser.add_argument("--only", default=",".join(SERVERS), metavar="SERVERS", help="of " + ",".join(SERVERS))
    parser.add_argument("--message-bytes", type=int, default=MIB, help="of each message of the load (default 1 MiB)")
    parser.add_argument("--nginx-buffer", default=NGINX_BUFFER, help=f"nginx's client_body_buffer_size (default {NGINX_BUFFER})")
    parser.add_argument("--keep", action="store_true", help="put the results into tests/bench, for the README")
    asked = parser.parse_args()
    rounds = asked.rounds or (2 if asked.quick else 5)
    seconds = asked.seconds or (1 if asked.quick else 2)
    servers = asked.only.split(",")
    parts = list(PARTS) if not asked.parts or "all" in asked.parts else [part for part in PARTS if part in asked.parts]
    if set(asked.parts) - {*PARTS, "all"} or set(servers) - set(SERVERS) or not 1 <= rounds <= 50 or not 0.1 <= seconds <= 60:
        parser.error("parts are " + ", ".join(PARTS) + "; servers " + ", ".join(SERVERS) + "; 1 to 50 rounds; 0.1 to 60 seconds")
    if not 1 <= asked.message_bytes <= 4 * MIB:
        parser.error("a message has at most 4 MiB")
    if asked.keep and (parts != list(PARTS) or set(servers) != set(SERVERS) or asked.message_bytes != MIB or asked.nginx_buffer != NGINX_BUFFER):
        parser.error("--keep is for all parts and servers together: the README shows one run")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the programs are ended on the way out

    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The load average is {busy:.2f}: others use this machine, and what follows is noise.")
    servers = available(servers)
    if not servers or (asked.keep and set(servers) != set(SERVERS)):
        print("Nothing to measure." if not servers else "Not kept: not all servers are here.")
        return 1
    how = f"Median of {rounds} alternating rounds of {seconds:g} s a row, {STREAMS} streams, messages of {asked.message_bytes / MIB:g} MiB."
    print(f"Uploads: {how}", flush=True)
    every = []
    with GatewayStage("gateway") as stage:
        bench = Bench(stage, parts, servers, seconds, asked.message_bytes, asked.nginx_buffer)
        for number in range(rounds):
            every.append(bench.round(number))
            shown = (f"{name} {row['gb_per_second'] or 0:.2f} GB/s {row['cpu_s_per_gb'] or 0:.2f} s/GB" for name, row in every[-1].items())
            print(f"  round {number + 1} of {rounds}: " + ", ".join(shown), flush=True)
    rows, figures = median_rows(every), gateway_rows.figures(every)
    print_rows(rows, gateway_rows.PRINTED)
    print_figures(figures)
    known = {figure.name for figure in figures}
    print_ratios([figure for figure in gateway_rows.row_figures(rows) if figure.name not in known])

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip()
    found = to_json(figures, commit=commit, how=how, rows=rows, columns=gateway_rows.COLUMNS)
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gateway.json").write_text(json.dumps({**found, "details": {"rounds": every}}, indent=1) + "\n", encoding="utf-8")
    print("\nAll of it: build/bench/gateway.json")
    if asked.keep:
        (HERE / "results").mkdir(exist_ok=True)
        (HERE / "results/gateway.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        sys.argv[1:] = []
        render_readme()
        print("Kept in tests/bench/results/gateway.json and the README's table")
    return 0


if __name__ == "__main__":
    sys.exit(main())
