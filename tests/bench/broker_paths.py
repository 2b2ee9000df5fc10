"""The broker's cached, missed and mixed paths beside the floor and the seed's program, in alternating rounds."""
from report import Figure, median_ratio, median_rows, print_rows
from stage import SEED, Stage

CALLERS = 64
SUBJECTS = CALLERS
STS_LATENCY = "20ms"
# What STS allows an account in a second, so as many misses as there can be.
MISSES_PER_SECOND = 100


def grpc_row(found, lane):
    """One closed lane as a row; CPU is the server's, of all that it served while it was measured."""
    tally = found["lanes"][lane]
    served = tally["served"]
    return {"rps": served / found["seconds"], "cpu_us": found["server_cpu_us"] / served if served else None,
            "client_us": found["client_cpu_us"] / served if served else None, "p50_us": tally["serving"].get("p50_us"),
            "p99_us": tally["serving"].get("p99_us"), "failed": tally["failed"] + found["primed"]["failed"], "errors": tally["errors"]}


def http_row(found):
    return {"rps": found["requests"] / found["seconds"], "cpu_us": found["cpu_us"], "p50_us": found["p50_us"], "p99_us": found["p99_us"],
            "failed": found["failed"]}


class Paths:
    def __init__(self, stage, seconds, kinds):
        self.stage, self.seconds, self.kinds = stage, seconds, kinds
        stage.mint(SUBJECTS)
        self.broker = stage.start_broker(10000)
        found = stage.load(self.broker, save_answer=stage.run / "answer")
        self.sizes = found
        self.echo = stage.start_echo()
        self.seeds = {}
        if "seed" in kinds:
            if not SEED.exists():
                raise RuntimeError("the seed's packages are missing; `./dev bench` installs them")
            self.seeds = {name: stage.start_seed(name == "gunicorn") for name in ("app_run", "gunicorn")}
            for seed in self.seeds.values():
                stage.load_http(seed, 1)
        self.hits_lane = f"kind=closed,name=hits,callers={CALLERS},users={SUBJECTS},prime=1"
        # One that misses fill to its bounds, beside the one that has the 64 tokens and nothing else.
        self.full = stage.start_broker(10000, name="full") if "mixed" in kinds else None
        for broker in (self.broker, self.full):
            if broker:
                stage.load(broker, self.hits_lane, seconds=0.2)  # the first tokens are minted here

    def echo_row(self):
        found = self.stage.load(self.echo, f"kind=closed,name=echo,callers={CALLERS},users={SUBJECTS}", seconds=self.seconds)
        return grpc_row(found, "echo")

    def hits_row(self, broker):
        before = self.stage.assume_roles()
        row = grpc_row(self.stage.load(broker, self.hits_lane, seconds=self.seconds), "hits")
        row["assume_roles"] = (self.stage.assume_roles() - before) / max(1, row["rps"] * self.seconds)
        return row

    def misses_row(self):
        return grpc_row(self.stage.load(self.full, f"kind=closed,name=misses,callers={CALLERS},users={SUBJECTS},fresh=1",
                                        seconds=self.seconds), "misses")

    def mixed_row(self):
        misses = f"kind=open,name=misses,rate={MISSES_PER_SECOND},users={SUBJECTS},fresh=1"
        self.stage.fault("latency", STS_LATENCY)
        try:
            found = self.stage.load(self.full, self.hits_lane, misses, seconds=self.seconds)
        finally:
            self.stage.no_faults()
        row = grpc_row(found, "hits")
        row["failed"] += found["lanes"]["misses"]["failed"]
        row["miss_p50_us"] = found["lanes"]["misses"]["answering"].get("p50_us")
        return row

    def round(self):
        self.stage.empty_audits()
        rows = {"echo": self.echo_row(), "hits": self.hits_row(self.broker)}
        for name, seed in self.seeds.items():
            rows[name] = http_row(self.stage.load_http(seed, self.seconds))
        if "mixed" in self.kinds:
            rows["misses"] = self.misses_row()
            self.stage.load(self.full, self.hits_lane, seconds=0.2)  # what the misses pushed out is minted again
            rows["full"] = self.hits_row(self.full)
            rows["mixed"] = self.mixed_row()
        return rows

    def figures(self, rounds):
        def ratio(name, over, under, field, bar, what, upside_down=False):
            first, second = ((under, field), (over, field)) if upside_down else ((over, field), (under, field))
            value = median_ratio(rounds, first, second)
            failed = sum(each[row]["failed"] for each in rounds for row in (over, under))
            spoiled = f"{failed:.0f} requests failed" if failed else ""
            if over in ("hits", "full") and assume_roles > 0.01:
                spoiled = "these were no hits"
            return Figure(name, value, bar, what, spoiled)
        assume_roles = max(each[row]["assume_roles"] for each in rounds for row in ("hits", "full") if row in each)
        out = [
            Figure("cached_assume_roles_per_request", assume_roles, "<= 0.01", "AssumeRole calls for each cached request: whether they were hits"),
            ratio("cached_cpu_vs_echo", "hits", "echo", "cpu_us", "<= 1.25", "server CPU of a cached IssueToken with JWT and TLS, over the floor's"),
            ratio("cached_rps_vs_echo", "hits", "echo", "rps", ">= 0.8", "requests a second of 64 callers, over the floor's"),
            ratio("cached_p99_vs_echo", "hits", "echo", "p99_us", "<= 1.5", "99th percentile of their waits, over the floor's")]
        if self.seeds:
            out += [
                ratio("cached_rps_vs_seed_app_run", "hits", "app_run", "rps", ">= 30", "cached requests a second over the seed's under `app.run`"),
                ratio("cached_cpu_vs_seed_app_run", "hits", "app_run", "cpu_us", ">= 50", "the seed's CPU for a request over ours cached", True),
                ratio("cached_rps_vs_seed_gunicorn", "hits", "gunicorn", "rps", "", "the same against gunicorn, 2 workers of 8 threads"),
                ratio("cached_cpu_vs_seed_gunicorn", "hits", "gunicorn", "cpu_us", "", "the same against gunicorn", True)]
        if "mixed" in self.kinds:
            out += [
                ratio("full_cpu_vs_echo", "full", "echo", "cpu_us", "", "as `cached_cpu_vs_echo`, of a broker whose caches misses have filled"),
                ratio("hits_p99_with_misses", "mixed", "full", "p99_us", "<= 1.5",
                      f"99th percentile of hits while {MISSES_PER_SECOND} misses a second wait {STS_LATENCY} for STS, over that without"),
                ratio("hits_rps_with_misses", "mixed", "full", "rps", "", "hits a second with those misses, over those without"),
                ratio("miss_cpu_vs_echo", "misses", "echo", "cpu_us", "", "server CPU of a missed IssueToken over the floor's")]
            if self.seeds:
                out += [ratio("miss_cpu_vs_seed_app_run", "misses", "app_run", "cpu_us", "", "the seed's CPU for a request over ours missed", True),
                        ratio("miss_rps_vs_seed_app_run", "misses", "app_run", "rps", "", "missed requests a second over the seed's")]
        return out


def run(kinds, rounds, seconds):
    """`kinds` of cached, seed, mixed. Returns rows (medians), figures, and every round."""
    with Stage("paths") as stage:
        paths = Paths(stage, seconds, kinds)
        every = []
        for number in range(rounds):
            every.append(paths.round())
            print(f"  round {number + 1} of {rounds}: " + ", ".join(f"{name} {row['rps']:.0f}/s" for name, row in every[-1].items()), flush=True)
            for name, row in every[-1].items():
                if row.get("errors"):
                    print(f"    {name}: {row['errors']}", flush=True)
        numbers = [{name: {field: value for field, value in row.items() if field != "errors"} for name, row in each.items()} for each in every]
        rows = median_rows(numbers)
        print_rows(rows)
        return rows, paths.figures(numbers), {"sizes": paths.sizes, "rounds": every}
