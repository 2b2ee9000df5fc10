"""What one load of uploads came to, as a row, and the figures that the rows of all rounds give. Pure."""
from report import Figure, median_ratio, median_rows

# Title, field, digits.
COLUMNS = (("GB/s", "gb_per_second", 2), ("CPU s/GB", "cpu_s_per_gb", 3), ("sink s/GB", "sink_cpu_s_per_gb", 3),
           ("client s/GB", "client_cpu_s_per_gb", 3), ("most MB", "rss_mb", 0), ("OSS requests/upload", "oss_requests_per_upload", 2),
           ("p50 ms", "p50_ms", 1), ("p99 ms", "p99_ms", 1))
PRINTED = COLUMNS + (("failed", "failed", 0),)
OSS_REQUESTS = ("put", "initiate", "part", "list", "complete", "abort", "head", "delete", "other")


def requests_between(before, after):
    return sum(after[kind] - before[kind] for kind in OSS_REQUESTS)


def upload_row(found, pid, sink_pid, resident_bytes, oss_requests):
    """`found` is what bench-upload-load printed. None where nothing was uploaded."""
    gigabytes, durable = found["bytes"] / 1e9, found["durable"]
    def per_gb(us):
        return us / 1e6 / gigabytes if gigabytes else None
    return {"gb_per_second": found["gb_per_second"] if gigabytes else None, "cpu_s_per_gb": per_gb(found["watched_cpu_us"][str(pid)]),
            "sink_cpu_s_per_gb": per_gb(found["watched_cpu_us"][str(sink_pid)]), "client_cpu_s_per_gb": per_gb(found["client_cpu_us"]),
            "rss_mb": resident_bytes / 1e6,
            "oss_requests_per_upload": oss_requests / found["objects_with_warmup"] if found["objects_with_warmup"] else None,
            "p50_ms": durable["p50_us"] / 1e3 if durable["count"] else None, "p99_ms": durable["p99_us"] / 1e3 if durable["count"] else None,
            "objects": found["objects"], "failed": found["failed"]}


# Name, row, row it is divided by (None for the number itself), field, bar, what it is.
FIGURES = (
    ("gateway_cpu_vs_floor", "gateway", "floor", "cpu_s_per_gb", "<= 1.4", "CPU for each byte of 4 streams of 64 MiB in messages of 1 MiB, over the floor's"),
    ("gateway_cpu_vs_nginx", "gateway", "nginx", "cpu_s_per_gb", "<= 1.5", "the same over nginx's, which streams a plain PUT"),
    ("gateway_gbps_vs_floor", "gateway", "floor", "gb_per_second", ">= 0.9", "bytes a second, over the floor's"),
    ("gateway_gbps_vs_wide_floor", "gateway", "wide_floor", "gb_per_second", "", "bytes a second, over the floor with a thread for each core, as the gateway has"),
    ("gateway_cpu_vs_wide_floor", "gateway", "wide_floor", "cpu_s_per_gb", "", "CPU for each byte, over that floor's"),
    ("gateway_gbps_vs_nginx", "gateway", "nginx", "gb_per_second", "", "bytes a second, over nginx's, whose client speaks no gRPC and is cheaper"),
    ("gateway_tls_cpu_vs_floor_tls", "gateway_tls", "floor_tls", "cpu_s_per_gb", "<= 1.3", "CPU for each byte with TLS on both sides, over the floor's with TLS"),
    ("gateway_tls_cpu_vs_nginx_tls", "gateway_tls", "nginx_tls", "cpu_s_per_gb", "", "the same over nginx's with TLS"),
    ("small_2mib_oss_requests", "gateway_small", None, "oss_requests_per_upload", "== 1", "requests to OSS for an upload of 2 MiB"),
    ("small_2mib_cpu_vs_floor", "gateway_small", "floor_small", "cpu_s_per_gb", "", "CPU for an upload of 2 MiB, over the floor's"),
    ("gateway_rss_mb", "gateway", None, "rss_mb", "", "most memory with 4 streams of 64 MiB, megabytes"),
    ("gateway_64mib_oss_requests", "gateway", None, "oss_requests_per_upload", "", "requests to OSS for an upload of 64 MiB"),
    ("gateway_64mib_p50_ms", "gateway", None, "p50_ms", "", "median from an upload's first byte sent to its object answered, 4 streams of 64 MiB"),
    ("gateway_64mib_p99_ms", "gateway", None, "p99_ms", "", "99th percentile of that"),
    ("gateway_2mib_p50_ms", "gateway_small", None, "p50_ms", "", "the median with 4 streams of 2 MiB"),
    ("gateway_2mib_p99_ms", "gateway_small", None, "p99_ms", "", "99th percentile of that"),
    ("gateway_64mib_p99_vs_floor", "gateway", "floor", "p99_ms", "", "99th percentile over the floor's, 64 MiB"),
    ("gateway_2mib_p99_vs_floor", "gateway_small", "floor_small", "p99_ms", "", "99th percentile over the floor's, 2 MiB"),
    ("floor_cpu_vs_nginx", "floor", "nginx", "cpu_s_per_gb", "", "the floor itself over nginx, for what gRPC alone costs"))


def figures(rounds):
    """Those whose rows were measured."""
    out, medians = [], median_rows(rounds)
    for name, row, under, field, bar, what in FIGURES:
        if row not in medians or (under and under not in medians):
            continue
        value = median_ratio(rounds, (row, field), (under, field)) if under else medians[row].get(field)
        failed = sum(each[one]["failed"] for each in rounds for one in (row, under) if one)
        if not under and bar.startswith("=="):  # the worst round counts
            value = max((each[row][field] for each in rounds if each[row][field] is not None), key=lambda one: abs(one - 1), default=None)
        out.append(Figure(name, value, bar, what, f"{failed:.0f} uploads failed" if failed else ""))
    return out


def row_figures(rows):
    """Each number of each row as a figure without a bar."""
    return [Figure(f"{name}_{field}", row[field], "", title) for name, row in rows.items() for title, field, _ in COLUMNS
            if row.get(field) is not None]
