#!/usr/bin/env python3
"""100,000 subjects ask one broker for minutes: what it remembers stays within its bound, and its memory stands still.

Needs the release programs and bench-load. SLUICE_SOAK_SECONDS is how long, 600 without."""
import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from stage import Stage, die_with_parent  # noqa: E402

SECONDS = int(os.environ.get("SLUICE_SOAK_SECONDS", "600"))
SUBJECTS = 100_000
# Each asks again as soon as it is answered, so that the pace is the machine's own and nothing piles up.
CALLERS = 32
CACHE = 64 << 20
# The process without what it remembers: libraries, threads, buffers of connections, the table of rates.
BESIDES = 96 << 20


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) << 10


def scrape(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return {name: float(value) for name, value in re.findall(r"^(sluice_\w+) ([0-9.e+]+)$", text, re.MULTILINE)}


class BrokerSoak(unittest.TestCase):
    def test_memory_is_bounded_and_flat(self):
        with Stage("soak") as stage:
            stage.mint(SUBJECTS, "ES256")
            broker = stage.start_broker(10_000, f"cache: {{max_bytes: {CACHE}}}\n")
            lane = f"kind=closed,name=all,callers={CALLERS},users={SUBJECTS}"
            load = subprocess.Popen(stage.load_argv(broker, lane, seconds=SECONDS), stdout=subprocess.PIPE, text=True,
                                    preexec_fn=die_with_parent)
            series, began, shown = [], time.monotonic(), -30
            while load.poll() is None:
                # The audit is not what is measured; hundreds of megabytes of it would fill the disk.
                if (stage.run / "broker-audit.jsonl").stat().st_size > 256 << 20:
                    os.truncate(stage.run / "broker-audit.jsonl", 0)
                now, metrics = time.monotonic() - began, scrape(broker.ports["admin"])
                series.append((now, resident(broker.pid), metrics["sluice_cache_bytes"], metrics["sluice_token_cache_entries"]))
                self.assertLessEqual(series[-1][2], CACHE)
                if now - shown >= 30:
                    shown = now
                    print(f"  {now:5.0f} s: resident {series[-1][1] / 1e6:6.1f} MB, remembered {series[-1][2] / 1e6:5.1f} MB, "
                          f"{series[-1][3]:.0f} tokens", flush=True)
                time.sleep(2)
            tally = json.loads(load.stdout.read())["lanes"]["all"]
        print(f"  {tally['served']} served, {tally['failed']} failed, told to wait {tally['waits']}")
        self.assertEqual(tally["failed"], 0, tally["errors"])
        self.assertGreater(tally["served"], min(SUBJECTS, SECONDS * 250))
        warm = [point[1] for point in series if point[0] > SECONDS / 3]
        fifth = max(1, len(warm) // 5)
        first, last = statistics.median(warm[:fifth]), statistics.median(warm[-fifth:])
        print(f"  after the first third {first / 1e6:.1f} MB, at the end {last / 1e6:.1f} MB")
        self.assertLessEqual(last, first * 1.05 + (8 << 20))
        self.assertLessEqual(max(warm), CACHE * 1.6 + BESIDES)


if __name__ == "__main__":
    unittest.main()
