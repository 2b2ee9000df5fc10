"""What STS and the callers are spared: one missing token and a thousand callers, a cap, an outage."""
import json
import subprocess
import time

from report import Figure
from stage import Stage, die_with_parent

BUDGET = 100


def burst(rounds):
    """A thousand callers of one missing token, and 64 at the moment when one expires. The worst round counts."""
    calls, at_expiry, failed = [], [], 0
    with Stage("burst") as stage:
        stage.mint(2 * rounds)
        broker = stage.start_broker(BUDGET)
        for number in range(rounds):
            stage.sts_stats(reset=True)
            stage.fault("latency", "100ms")  # so that all of them come while the one call is under way
            lanes = stage.load(broker, f"kind=burst,name=all,callers=1000,first={number}", seconds=1, warmup=0)["lanes"]
            stage.no_faults()
            calls.append(stage.assume_roles())
            failed += lanes["all"]["failed"]

            # STS's clock is put back for one answer, so that the token has two seconds until it counts as spent.
            lane = f"kind=closed,name=all,callers=64,ttl=900,first={rounds + number}"
            stage.fault("clock", "-298s", count=1)
            stage.load(broker, lane.replace("callers=64", "callers=1"), seconds=0.05, warmup=0)
            stage.no_faults()
            stage.sts_stats(reset=True)
            stage.fault("latency", "100ms")
            lanes = stage.load(broker, lane, seconds=4, warmup=0)["lanes"]
            stage.no_faults()
            at_expiry.append(stage.assume_roles())
            failed += lanes["all"]["failed"]
            print(f"  round {number + 1} of {rounds}: {calls[-1]} AssumeRole for 1000 callers, {at_expiry[-1]} for 64 at expiry", flush=True)
    spoiled = f"{failed} requests failed" if failed else ""
    def worst(counts):
        return max(counts, key=lambda count: abs(count - 1))
    return [Figure("burst_1000_assume_roles", worst(calls), "== 1", "AssumeRole calls for 1,000 simultaneous callers of one missing token", spoiled),
            Figure("expiry_64_assume_roles", worst(at_expiry), "== 1", "AssumeRole calls while 64 callers ask through the moment of expiry", spoiled)], {}


def cap(seconds, patience=90):
    """STS gives 100 a second, 1,000 distinct users a second come through PlanUpload, a fifth of them can use nothing but tokens."""
    signed, tokens = 800 * seconds, 200 * seconds
    with Stage("cap") as stage:
        stage.mint(signed + tokens, "ES256")
        broker = stage.start_broker(BUDGET)
        stage.fault("throttle", BUDGET)
        found = stage.load(broker, f"kind=open,name=signed,ask=plan,rate=800,users={signed}",
                           f"kind=open,name=tokens,ask=plan_token,rate=200,users={tokens},first={signed}", seconds=seconds, warmup=0,
                           patience=patience, connections=8, timeout=seconds + 2 * patience)
        stats = stage.sts_stats()
    lanes = found["lanes"]
    failed = sum(lane["failed"] for lane in lanes.values())
    served = sum(lane["served"] for lane in lanes.values())
    slowest = max(lane["serving"].get("max_us", 0) for lane in lanes.values())
    peak = stats["assume_role_most_per_second"]["received"]
    throttled = sum(number for code, number in stats["answered"].get("AssumeRole", {}).items() if code.startswith("Throttling"))
    for name, lane in lanes.items():
        print(f"  {name}: {lane['served']} served, {lane['failed']} failed {lane['errors']}, told to wait {lane['waits']}, "
              f"p50 {lane['serving'].get('p50_us', 0) / 1e3:.1f} ms, p99 {lane['serving'].get('p99_us', 0) / 1e3:.1f} ms", flush=True)
    print(f"  STS: {stats['received']}, most in a second {stats['assume_role_most_per_second']}, {throttled} throttled", flush=True)
    waits = sum(lanes["tokens"]["waits"].values())
    return [
        Figure("cap_hard_errors", failed, "== 0", f"users of {signed + tokens} who got an error that does not say when to come back"),
        Figure("cap_served", served / (signed + tokens), "== 1", f"share of them served within {patience} s"),
        Figure("cap_slowest_vs_90s", slowest / 90e6, "<= 1", "the longest that one of them waited, over 90 s"),
        Figure("cap_sts_peak_vs_budget", peak / BUDGET, "<= 1", "most AssumeRole calls in any one second, over the budget"),
        Figure("cap_sts_throttled", throttled, "", "calls that STS itself had to refuse"),
        Figure("cap_signed_p99_ms", lanes["signed"]["serving"].get("p99_us", 0) / 1e3, "", "99th percentile of those with a signed form, milliseconds"),
        Figure("cap_returns_per_token", waits / tokens, "", "how often a user without one came back before there was a token")], {"cap": found}


def overload(seconds, patience=90):
    """More new users a second than this hardware mints tokens for, however much STS gives: who cannot be served in time is told when to come back."""
    rate, bound = 8000, 256
    with Stage("overload") as stage:
        stage.mint(rate * seconds, "ES256")
        broker = stage.start_broker(10_000)
        found = stage.load(broker, f"kind=open,name=all,rate={rate},users={rate * seconds}", seconds=seconds, warmup=0, patience=patience,
                           connections=64, timeout=seconds + 2 * patience)
        resident = broker.most_resident_bytes()
    lane = found["lanes"]["all"]
    print(f"  {lane['served']} served, {lane['failed']} failed {lane['errors']}, told to wait {lane['waits']}, "
          f"p99 of any answer {lane['answering'].get('p99_us', 0) / 1e3:.0f} ms, at most {resident / 1e6:.0f} MB", flush=True)
    return [
        Figure("overload_hard_errors", lane["failed"], "== 0", f"users of {rate * seconds} who got an error that does not say when to come back"),
        Figure("overload_served", lane["served"] / (rate * seconds), "== 1", f"share of them served within {patience} s"),
        Figure("overload_resident_vs_256_mib", resident / (bound << 20), "<= 1", "the process's largest memory, over 256 MiB")], {"overload": found}


def outage(seconds, fault):
    """STS away for `seconds`: users with a cached token, users without, and what STS sees when it is back."""
    cached_rate, other_rate, deadline, lead, tail = 200, 20, 5, 5, 20
    with Stage("outage") as stage:
        stage.mint(400)
        broker = stage.start_broker(BUDGET)
        argv = stage.load_argv(broker, f"kind=open,name=cached,rate={cached_rate},users=300,prime=1",
                               f"kind=open,name=others,rate={other_rate},users=100,first=300,fresh=1", seconds=lead + seconds + tail,
                               warmup=0, deadline=deadline, patience=seconds + 120, timeline=True)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent) as load:
            try:
                end = time.monotonic() + 60
                while stage.sts_stats()["sessions_issued"] < 300 + other_rate:  # primed, and the others have begun
                    if time.monotonic() > end or load.poll() is not None:
                        raise RuntimeError("the outage's load did not begin")
                    time.sleep(0.1)
                stage.fault(fault)
                stage.sts_stats(reset=True)
                down = time.time()
                time.sleep(seconds)
                during = stage.assume_roles()
                stage.sts_stats(reset=True)
                stage.no_faults()
                back = time.time()
                out, _ = load.communicate(timeout=lead + tail + seconds + 300)
                found = json.loads(out)
                after = stage.sts_stats()
            finally:
                if load.poll() is None:
                    load.kill()
    cached, others = found["lanes"]["cached"], found["lanes"]["others"]
    served_while_down = sum(tenth[1] for tenth in others["timeline"] if (down + 0.5) * 10 < tenth[0] < back * 10 - 1)
    first = next((tenth[0] / 10 + 0.1 for tenth in others["timeline"] if tenth[0] >= int(back * 10) and tenth[1]), None)
    waits = sum(others["waits"].values())
    known = ("UNAVAILABLE/", "RESOURCE_EXHAUSTED/STS_BUDGET_SPENT")
    unknown = sum(count for error, count in others["waits"].items() if not error.startswith(known))
    peak = after["assume_role_most_per_second"]["received"]
    print(f"  cached: {cached['served']} served, {cached['failed']} failed {cached['errors']}, told to wait {cached['waits']}")
    print(f"  others: {others['served']} served, {others['failed']} failed {others['errors']}, told to wait {others['waits']}")
    print(f"  STS was called {during} times while away, at most {peak} times a second after its return", flush=True)
    spoiled = f"{served_while_down} tokens were minted meanwhile: STS was not away" if served_while_down else "" if waits else "nobody was told to wait"
    return [
        Figure("outage_cached_errors", cached["failed"] + sum(cached["waits"].values()), "== 0", "errors of callers whose token is cached", spoiled),
        Figure("outage_others_hard_errors", others["failed"], "== 0", "errors of the others that do not say when to come back", spoiled),
        Figure("outage_others_told_otherwise", unknown, "== 0",
               "times that the others were told to come back by anything but UNAVAILABLE, or a place in the budget after STS's return", spoiled),
        Figure("outage_slowest_answer_vs_deadline", others["answering"].get("max_us", 0) / (deadline * 1e6), "<= 1",
               "the longest that any answer took, over the caller's deadline of 5 s", spoiled),
        Figure("outage_recovery_vs_2s", None if first is None else max(0.0, first - back) / 2, "<= 1",
               "time from STS's return to the first new token, over 2 s", spoiled),
        Figure("outage_sts_peak_after_vs_budget", peak / BUDGET, "<= 1", "most AssumeRole calls in any one second after STS's return, over the budget", spoiled),
        Figure("outage_sts_calls_while_away_vs_budget", during / (BUDGET * seconds), "<= 1", "calls to STS while it was away, over what the budget allows",
               spoiled)], {"outage": found}
