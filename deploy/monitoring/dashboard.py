#!/usr/bin/env python3
"""Writes dashboard.json: `deploy/monitoring/dashboard.py > deploy/monitoring/dashboard.json`."""
import json

BROKER = 'method=~"IssueToken|SignUrl|SignPostForm|PlanUpload|IssueTicket|ListGrants|ExplainAccess",instance=~"$instance"'
GATEWAY = 'method=~"StartUpload|Upload|GetUpload|AbortUpload",instance=~"$instance"'
HERE = 'instance=~"$instance"'


def rate(metric, selector=HERE, by=""):
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{selector}}}[$__rate_interval]))"


def quantile(share, metric, selector=HERE):
    return f"histogram_quantile({share}, {rate(metric + '_bucket', selector, 'le')})"


# A row's title, or: a panel's title, unit, what its help says, and its queries by legend.
PANELS = [
    "Now",
    ("Ready replicas", "short", "Those that want calls.", {"": f"sum(sluice_ready{{{HERE}}})"}),
    ("Development mode", "short", "Must be 0 anywhere but on a laptop.", {"": f"max(sluice_development{{{HERE}}})"}),
    ("Tokens from the cache", "percentunit", "Answered without a call to STS.",
     {"": rate("sluice_token_cache_total", f'answer="hit",{HERE}') + " / " + rate("sluice_token_cache_total")}),
    ("Calls that fail", "percentunit", "Through no fault of their callers.",
     {"": rate("sluice_requests_total", f'code=~"UNAVAILABLE|INTERNAL|UNKNOWN|DEADLINE_EXCEEDED",{HERE}') + " / " +
          rate("sluice_requests_total")}),
    ("STS endpoints that answer", "short", "The breaker leaves alone those that do not.", {"": f"sum(sluice_sts_endpoint_up{{{HERE}}})"}),
    ("Open upload streams", "short", "At all gateways.", {"": f"sum(sluice_upload_streams{{{HERE}}})"}),
    "Token broker",
    ("Calls", "reqps", "By method, over gRPC and HTTP.", {"{{method}}": rate("sluice_requests_total", BROKER, "method")}),
    ("Refusals by reason", "reqps", "`sluice why REASON` explains each.",
     {"{{reason}}": "topk(10, " + rate("sluice_requests_total", 'reason!="",' + BROKER, "reason") + ")"}),
    ("Calls, seconds", "s", "From arrival to answer.",
     {"half": quantile(0.5, "sluice_request_seconds"), "99 of 100": quantile(0.99, "sluice_request_seconds")}),
    ("Tokens asked for", "reqps", "hit, miss, coalesced with another caller's, stale while STS is in trouble, negative.",
     {"{{answer}}": rate("sluice_token_cache_total", HERE, "answer")}),
    ("Renewals ahead of need", "reqps", "Behind callers' backs.", {"{{result}}": rate("sluice_token_refreshes_total", HERE, "result")}),
    ("Cache", "bytes", "Bounded by cache.max_bytes of each replica.", {"{{instance}}": f"sluice_cache_bytes{{{HERE}}}"}),
    ("Tokens remembered", "short", "", {"{{instance}}": f"sluice_token_cache_entries{{{HERE}}}"}),
    ("Life left of tokens given out, seconds", "s", "A tenth have less than this.", {"a tenth": quantile(0.1, "sluice_token_life_seconds")}),
    ("JWTs accepted", "reqps", "cached: known already.", {"cached {{cached}}": rate("sluice_jwts_verified_total", HERE, "cached")}),
    ("Calls to STS", "reqps", "OK, or the reason.", {"{{result}}": rate("sluice_sts_calls_total", HERE, "result")}),
    ("STS, seconds", "s", "", {"half": quantile(0.5, "sluice_sts_seconds"), "99 of 100": quantile(0.99, "sluice_sts_seconds")}),
    ("STS budget", "short", "Calls that could be made now; callers that wait, or were told when to come back.",
     {"left": f"sum(sluice_sts_budget_left{{{HERE}}})", "waiting": f"sum(sluice_sts_budget_waiting{{{HERE}}})",
      "promised": f"sum(sluice_sts_budget_promised{{{HERE}}})"}),
    ("STS breakers", "short", "0 while an endpoint is left alone.", {"{{instance}} {{endpoint}}": f"sluice_sts_endpoint_up{{{HERE}}}"}),
    ("Own key, life left", "s", "Nothing is shown for a key that stays.", {"{{instance}}": f"sluice_own_key_life_seconds{{{HERE}}}"}),
    ("Calls in flight", "short", "", {"calls": f"sum(sluice_calls_in_flight{{{HERE}}})",
                                      "tokens being minted": f"sum(sluice_tokens_under_way{{{HERE}}})"}),
    ("Turned away", "reqps", "Calls that waited too long for a thread.", {"": rate("sluice_calls_turned_away_total")}),
    ("Files that changed", "short", "In the last hour.",
     {"{{what}} {{result}}": f"sum by (what, result) (increase(sluice_reloads_total{{{HERE}}}[1h]))"}),
    "Upload gateway",
    ("Calls and streams ended", "reqps", "By method.", {"{{method}}": rate("sluice_requests_total", GATEWAY, "method")}),
    ("Streams ended by reason", "reqps", "`sluice why REASON` explains each.",
     {"{{reason}}": "topk(10, " + rate("sluice_requests_total", 'reason!="",' + GATEWAY, "reason") + ")"}),
    ("Bytes", "Bps", "Received from clients; made durable in OSS; given up, to be sent again.",
     {"received": rate("sluice_upload_received_bytes_total"), "stored": rate("sluice_upload_stored_bytes_total"),
      "dropped": rate("sluice_upload_dropped_bytes_total")}),
    ("Parts made durable", "reqps", "And objects of one request.", {"": rate("sluice_upload_parts_total")}),
    ("Requests to OSS", "reqps", "Retries included.", {"{{operation}}": rate("sluice_oss_requests_total", HERE, "operation")}),
    ("Requests to OSS tried again", "reqps", "", {"": rate("sluice_oss_retries_total")}),
    ("Memory budget in use", "percentunit", "Beyond it reading stops, and clients are held back.",
     {"{{instance}}": f"sluice_upload_budget_used_bytes{{{HERE}}} / sluice_upload_budget_bytes{{{HERE}}}"}),
    ("Streams that wait for room", "short", "", {"{{instance}}": f"sluice_upload_budget_waiting{{{HERE}}}"}),
    ("Streams", "short", "Open; unfinished uploads that a replica will free.",
     {"open": f"sum(sluice_upload_streams{{{HERE}}})", "unfinished": f"sum(sluice_upload_known{{{HERE}}})"}),
    ("Resumed", "reqps", "Streams that went on with an upload that had bytes already.", {"": rate("sluice_upload_resumed_total")}),
    ("Abandoned", "Bps", "Bytes in OSS of uploads whose stream here ended without the object.", {"": rate("sluice_upload_abandoned_bytes_total")}),
    ("Time to durable, seconds", "s", "From a stream's beginning to its object.",
     {"half": quantile(0.5, "sluice_upload_durable_seconds"), "95 of 100": quantile(0.95, "sluice_upload_durable_seconds")}),
]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panels():
    """Rows of panels, three in a line; those of the first row are numbers, six in a line."""
    y, x, first = 0, 0, True
    for number, panel in enumerate(PANELS, start=1):
        width, height = (4, 4) if first else (8, 7)
        if isinstance(panel, str):
            if number > 1:
                y, first = y + height, False
            yield {"id": number, "type": "row", "title": panel, "collapsed": False, "panels": [], "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}}
            x, y = 0, y + 1
            continue
        title, unit, help_text, queries = panel
        if x == 24:
            x, y = 0, y + height
        yield {
            "id": number, "type": "stat" if first else "timeseries", "title": title, "description": help_text, "datasource": SOURCE,
            "gridPos": {"h": height, "w": width, "x": x, "y": y},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [{"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": query, "legendFormat": legend or title}
                        for at, (legend, query) in enumerate(queries.items())],
        }
        x += width


def dashboard():
    return {
        "uid": "sluice", "title": "Sluice", "tags": ["sluice"], "schemaVersion": 39, "version": 1, "editable": True, "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            {"name": "instance", "label": "Replica", "type": "query", "datasource": SOURCE, "query": "label_values(sluice_ready, instance)",
             "refresh": 2, "includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}},
        ]},
        "panels": list(panels()),
    }


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=1))
