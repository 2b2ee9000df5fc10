"""When each alert of deploy/monitoring/alerts.yaml fires, and what looks much like it and must leave it silent.

Series are in promtool's notation, a sample a minute: `0+60x30` grows by one a second for half an hour. `at` is when it is judged.
"""
import dataclasses


@dataclasses.dataclass
class Case:
    at: str
    fires: dict
    # Of the one alert that fires, beside its severity.
    labels: dict
    quiet: list


def requests(reason, code, method="IssueToken", instance="a"):
    return f'sluice_requests_total{{method="{method}",code="{code}",reason="{reason}",instance="{instance}"}}'


GOOD = {requests("", "OK"): "0+600x60"}
A = 'instance="a"'

CASES = {
    "SluiceBrokerGone": Case("3m", {'up{job="sluice-broker",instance="a"}': "0x10"}, {}, [
        {'up{job="sluice-broker",instance="a"}': "0x10", 'up{job="sluice-broker",instance="b"}': "1x10"},
        {'up{job="x-sluice-broker-pods",instance="a"}': "1x10"}]),
    "SluiceReplicaDown": Case("6m", {'up{job="sluice-gateway-pods",instance="a"}': "0x10"}, {"job": "sluice-gateway-pods", "instance": "a"}, [
        {'up{job="sluice-gateway-pods",instance="a"}': "1 0 0 0 1x10"},
        {'up{job="sluice-proxy",instance="a"}': "0x10"}]),
    "SluiceReplicaNotReady": Case("11m", {f"sluice_ready{{{A}}}": "0x20"}, {"instance": "a"}, [{f"sluice_ready{{{A}}}": "0x5 1x20"}]),
    "SluiceDevelopmentMode": Case("6m", {f"sluice_development{{{A}}}": "1x10"}, {"instance": "a"}, [{f"sluice_development{{{A}}}": "0x10"}]),
    "SluiceCallsFail": Case("15m", {**GOOD, requests("STS_UNREACHABLE", "UNAVAILABLE"): "0+60x60"}, {"method": "IssueToken"}, [
        {**GOOD, requests("STS_UNREACHABLE", "UNAVAILABLE"): "0+6x60"},
        {**GOOD, requests("SCOPE_NOT_GRANTED", "PERMISSION_DENIED"): "0+600x60"}]),
    "SluiceTokensSlow": Case("20m", {
        'sluice_request_seconds_bucket{method="IssueToken",le="1"}': "0+90x60", 'sluice_request_seconds_bucket{method="IssueToken",le="2.5"}': "0+100x60",
        'sluice_request_seconds_bucket{method="IssueToken",le="+Inf"}': "0+100x60"}, {}, [{
            'sluice_request_seconds_bucket{method="IssueToken",le="1"}': "0+100x60",
            'sluice_request_seconds_bucket{method="IssueToken",le="+Inf"}': "0+100x60",
            'sluice_request_seconds_bucket{method="PlanUpload",le="1"}': "0x60",
            'sluice_request_seconds_bucket{method="PlanUpload",le="2.5"}': "0+100x60",
            'sluice_request_seconds_bucket{method="PlanUpload",le="+Inf"}': "0+100x60"}]),
    "SluiceOverloaded": Case("15m", {requests("GATEWAY_OVERLOADED", "RESOURCE_EXHAUSTED", "Upload"): "0+6x60"}, {"reason": "GATEWAY_OVERLOADED"}, [
        {requests("SUBJECT_RATE_EXCEEDED", "RESOURCE_EXHAUSTED"): "0+6x60", requests("BROKER_OVERLOADED", "UNAVAILABLE"): "9x60",
         f"sluice_calls_turned_away_total{{{A}}}": "9x60"}]),
    "SluicePolicyNotProven": Case("10m", {requests("POLICY_NOT_PROVEN", "INTERNAL"): "0x5 1x30"}, {}, [
        {requests("POLICY_NOT_PROVEN", "INTERNAL"): "1x30"}]),
    "SluiceAuditUnavailable": Case("8m", {requests("AUDIT_UNAVAILABLE", "UNAVAILABLE"): "0x5 4x30"}, {"instance": "a"}, [
        {requests("AUDIT_UNAVAILABLE", "UNAVAILABLE"): "4x30"}]),
    "SluiceIdentityKeysMissing": Case("10m", {requests("IDENTITY_KEYS_MISSING", "UNAVAILABLE"): "0+5x30"}, {"instance": "a"}, [
        {requests("IDENTITY_KEYS_MISSING", "UNAVAILABLE"): "7x30", requests("TOKEN_REJECTED", "UNAUTHENTICATED"): "0+5x30"}]),
    "SluiceReloadFailed": Case("10m", {f'sluice_reloads_total{{what="deny",result="failed",{A}}}': "0x5 1x30"}, {"instance": "a", "what": "deny"}, [
        {f'sluice_reloads_total{{what="deny",result="ok",{A}}}': "0x5 1x30", f'sluice_reloads_total{{what="deny",result="failed",{A}}}': "0x30"}]),
    "SluiceOwnKeyEnding": Case("12m", {f"sluice_own_key_life_seconds{{{A}}}": "900-60x15"}, {"instance": "a"}, [
        {f"sluice_own_key_life_seconds{{{A}}}": "900-60x5 3600-60x20"}, {f"sluice_own_key_life_seconds{{{A}}}": " ".join(["NaN"] * 20)}]),
    "SluiceStsUnreachable": Case("3m", {
        f'sluice_sts_endpoint_up{{endpoint="https://one",{A}}}': "0x10", f'sluice_sts_endpoint_up{{endpoint="https://two",{A}}}': "0x10"},
        {"instance": "a"}, [{
            f'sluice_sts_endpoint_up{{endpoint="https://one",{A}}}': "0x10", f'sluice_sts_endpoint_up{{endpoint="https://two",{A}}}': "1x10"}]),
    "SluiceStsEndpointDown": Case("11m", {f'sluice_sts_endpoint_up{{endpoint="https://one",{A}}}': "0x20"},
                                  {"instance": "a", "endpoint": "https://one"},
                                  [{f'sluice_sts_endpoint_up{{endpoint="https://one",{A}}}': "0x5 1 0x20"}]),
    "SluiceStsRefuses": Case("10m", {f'sluice_sts_calls_total{{result="STS_REFUSED",{A}}}': "0+1x30"}, {"result": "STS_REFUSED"}, [
        {f'sluice_sts_calls_total{{result="STS_REFUSED",{A}}}': "3x30", f'sluice_sts_calls_total{{result="OK",{A}}}': "0+100x30"}]),
    "SluiceStsThrottled": Case("15m", {f'sluice_sts_calls_total{{result="STS_THROTTLED",{A}}}': "0+1x30"}, {}, [
        {f'sluice_sts_calls_total{{result="STS_THROTTLED",{A}}}': "0x5 1x30"}]),
    "SluiceStsBudgetSpent": Case("20m", {requests("STS_BUDGET_SPENT", "RESOURCE_EXHAUSTED"): "0+1x30"}, {}, [
        {requests("STS_BUDGET_SPENT", "RESOURCE_EXHAUSTED"): "0x5 1x30", requests("STS_THROTTLED", "RESOURCE_EXHAUSTED"): "0+1x30"}]),
    "SluiceBrokerUnreachable": Case("10m", {requests("BROKER_UNREACHABLE", "UNAVAILABLE", "Upload"): "0+1x30"}, {"instance": "a"}, [
        {requests("BROKER_UNREACHABLE", "UNAVAILABLE", "Upload"): "4x30"}]),
    "SluiceOssRefuses": Case("10m", {requests("OSS_REFUSED", "FAILED_PRECONDITION", "Upload"): "0+1x30"}, {}, [
        {requests("OSS_REFUSED", "FAILED_PRECONDITION", "Upload"): "4x30", requests("OBJECT_EXISTS", "ALREADY_EXISTS", "Upload"): "0+1x30"}]),
    "SluiceOssRetries": Case("20m", {f"sluice_oss_retries_total{{{A}}}": "0+20x60", f'sluice_oss_requests_total{{operation="part",{A}}}': "0+100x60"},
                             {}, [{f"sluice_oss_retries_total{{{A}}}": "0+5x60",
                                   f'sluice_oss_requests_total{{operation="part",{A}}}': "0+100x60"}]),
    "SluiceUploadBudgetFull": Case("11m", {
        f"sluice_upload_budget_waiting{{{A}}}": "3x20", f"sluice_upload_budget_used_bytes{{{A}}}": "250x20",
        f"sluice_upload_budget_bytes{{{A}}}": "256x20"}, {"instance": "a"}, [{
            f"sluice_upload_budget_waiting{{{A}}}": "0x20", f"sluice_upload_budget_used_bytes{{{A}}}": "250x20",
            f"sluice_upload_budget_bytes{{{A}}}": "256x20"}]),
    "SluiceUploadsUnconfirmed": Case("10m", {requests("COMPLETION_UNCONFIRMED", "UNAVAILABLE", "Upload"): "0x5 1x30"}, {}, [
        {requests("COMPLETION_UNCONFIRMED", "UNAVAILABLE", "Upload"): "1x30"}]),
    "SluiceUploadsDamaged": Case("20m", {requests("CHECKSUM_MISMATCH", "DATA_LOSS", "Upload"): "0+1x30"}, {}, [
        {requests("CHECKSUM_MISMATCH", "DATA_LOSS", "Upload"): "0x5 1x30"}]),
    "SluiceUploadsAbandoned": Case("90m", {f"sluice_upload_abandoned_bytes_total{{{A}}}": "0+50x120", f"sluice_upload_stored_bytes_total{{{A}}}": "0+100x120"},
                                   {}, [{f"sluice_upload_abandoned_bytes_total{{{A}}}": "0+10x120",
                                         f"sluice_upload_stored_bytes_total{{{A}}}": "0+100x120"}]),
}
