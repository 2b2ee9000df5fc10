"""What the chart renders: accepted by Kubernetes' own schemas, and consistent with itself."""
import copy
import functools
import json
import re
import unittest

import chart
import kube_schema
import yaml
from chart import NEWEST, OLDEST, Refused, container, find, of_kind, render, selects

SCHEMAS = chart.FETCHED / "schemas"
ACCOUNT_CALLS = 100


@functools.lru_cache(maxsize=None)
def kubernetes(version):
    return kube_schema.Schemas(SCHEMAS / f"kubernetes-v{version}", [SCHEMAS / "cert-manager-v1.21.2", SCHEMAS / "prometheus-operator-v0.85.0"])


def pod(deployment):
    return deployment["spec"]["template"]


def quantity(text):
    number, unit = re.fullmatch(r"([0-9.]+)(Ki|Mi|Gi|m)?", str(text)).groups()
    return float(number) * {None: 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


class EveryValueFile(unittest.TestCase):
    """Each claim holds for each of the value files."""

    @classmethod
    def setUpClass(cls):
        cls.rendered = {name: render(name) for name in chart.VALUES}
        cls.at = "all value files"

    def each(self, *kinds):
        for name, rendered in self.rendered.items():
            for one in of_kind(rendered, *kinds) if kinds else rendered:
                self.at = f"{name}, {one['kind']} {one['metadata']['name']}"
                yield rendered, one

    def _formatMessage(self, msg, standard):
        return f"{self.at}: {super()._formatMessage(msg, standard)}"

    def test_there_are_the_four(self):
        self.assertEqual(set(self.rendered), {"minimal", "production", "broker-only", "kind/dev"})

    def test_helm_lint_has_no_complaint(self):
        for name, path in chart.VALUES.items():
            with self.subTest(values=name):
                self.assertIn("0 chart(s) failed", chart.helm("lint", "--strict", "--kube-version", NEWEST, chart.CHART, "-f", path))

    def test_the_oldest_and_the_newest_kubernetes_accept_every_object(self):
        for version in (OLDEST, NEWEST):
            schemas = kubernetes(version)
            for name in chart.VALUES:
                rendered = render(name, version=version)
                self.assertGreater(len(rendered), 5)
                with self.subTest(values=name, kubernetes=version):
                    self.assertEqual([fault for one in rendered for fault in schemas.faults(one)], [])

    def test_no_two_objects_have_one_name(self):
        for name, rendered in self.rendered.items():
            names = [(one["kind"], one["metadata"]["name"]) for one in rendered]
            self.assertEqual(len(names), len(set(names)), name)

    def test_every_object_is_in_the_release_namespace_and_labelled(self):
        for _, one in self.each():
            self.assertEqual(one["metadata"]["namespace"], "sluice")
            self.assertEqual(one["metadata"]["labels"]["app.kubernetes.io/instance"], "sluice")

    def test_every_container_has_requests_and_limits_of_cpu_and_memory(self):
        for _, one in self.each("Deployment"):
            resources = container(one)["resources"]
            for what in ("cpu", "memory"):
                self.assertLessEqual(quantity(resources["requests"][what]), quantity(resources["limits"][what]))

    def test_the_gateways_memory_limit_holds_its_budget_and_what_the_process_takes_besides(self):
        for _, one in self.each("Deployment"):
            if one["metadata"]["name"] == "sluice-gateway":
                self.assertGreaterEqual(quantity(container(one)["resources"]["limits"]["memory"]), (256 + 64) * 2**20)

    def test_every_image_has_a_tag_that_stays(self):
        for _, one in self.each("Deployment"):
            self.assertRegex(container(one)["image"], r"^[^:@]+(:[0-9]+/[^:@]+)?(:v?[0-9][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$")

    def test_no_container_may_be_more_than_a_plain_user_with_a_read_only_root(self):
        for _, one in self.each("Deployment"):
            spec = pod(one)["spec"]
            self.assertTrue(spec["securityContext"]["runAsNonRoot"])
            self.assertGreater(spec["securityContext"]["runAsUser"], 0)
            self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertIs(spec["automountServiceAccountToken"], False)
            self.assertEqual(container(one)["securityContext"], {"allowPrivilegeEscalation": False, "privileged": False,
                                                                 "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(spec))

    def test_every_mount_has_its_volume_whole_and_every_volume_a_mount(self):
        for _, one in self.each("Deployment"):
            mounts = container(one).get("volumeMounts", [])
            self.assertEqual({mount["name"] for mount in mounts}, {volume["name"] for volume in pod(one)["spec"].get("volumes", [])})
            # A subPath would hold the file of the first day: a renewed certificate never reaches it.
            self.assertFalse([mount for mount in mounts if "subPath" in mount or not mount["readOnly"]])

    def test_every_deployment_selects_its_own_pods(self):
        for _, one in self.each("Deployment"):
            self.assertTrue(selects(one["spec"]["selector"], pod(one)["metadata"]["labels"]))

    def test_every_probe_asks_a_port_that_the_container_has(self):
        for _, one in self.each("Deployment"):
            ports = {port["name"] for port in container(one)["ports"]}
            probes = [container(one)[probe] for probe in ("startupProbe", "livenessProbe", "readinessProbe") if probe in container(one)]
            self.assertTrue(probes)
            for probe in probes:
                self.assertIn(probe["httpGet"]["port"], ports)

    def test_every_service_leads_to_ports_of_the_pods_it_selects(self):
        for rendered, one in self.each("Service"):
            pods = [pod(deployment) for deployment in of_kind(rendered, "Deployment")
                    if selects({"matchLabels": one["spec"]["selector"]}, pod(deployment)["metadata"]["labels"])]
            self.assertEqual(len(pods), 1)
            ports = {port["name"] for port in pods[0]["spec"]["containers"][0]["ports"]}
            self.assertLessEqual({port["targetPort"] for port in one["spec"]["ports"]}, ports)

    def test_no_service_for_callers_shows_the_admin_port_or_the_gateways_own(self):
        for _, one in self.each("Service"):
            if one["spec"].get("clusterIP") != "None" and "sandbox" not in one["metadata"]["labels"]["app.kubernetes.io/component"]:
                self.assertFalse({"admin", "gateways"} & {port["name"] for port in one["spec"]["ports"]})

    def test_every_disruption_budget_and_autoscaler_is_of_one_deployment(self):
        for rendered, one in self.each("PodDisruptionBudget"):
            self.assertEqual([deployment["metadata"]["name"] for deployment in of_kind(rendered, "Deployment")
                              if selects(one["spec"]["selector"], pod(deployment)["metadata"]["labels"])], [one["metadata"]["name"]])
        for rendered, one in self.each("HorizontalPodAutoscaler"):
            scaled = find(rendered, "Deployment", one["spec"]["scaleTargetRef"]["name"])
            # Or each upgrade would set back what the autoscaler has chosen.
            self.assertNotIn("replicas", scaled["spec"])
            self.assertLessEqual(one["spec"]["minReplicas"], one["spec"]["maxReplicas"])

    def test_every_workload_but_the_sandbox_has_a_network_policy_budget_and_spread(self):
        for rendered, one in self.each("Deployment"):
            name = one["metadata"]["name"]
            if name == "sluice-sandbox":
                continue
            self.assertTrue(selects(find(rendered, "NetworkPolicy", name)["spec"]["podSelector"], pod(one)["metadata"]["labels"]))
            find(rendered, "PodDisruptionBudget", name)
            for spread in pod(one)["spec"]["topologySpreadConstraints"]:
                self.assertTrue(selects(spread["labelSelector"], pod(one)["metadata"]["labels"]))

    def test_what_a_network_policy_lets_out_of_a_pod_another_lets_in_and_is_listened_on(self):
        for rendered, one in self.each("NetworkPolicy"):
            self.assertEqual(set(one["spec"]["policyTypes"]), {"Ingress", "Egress"})
            own = [pod(deployment) for deployment in of_kind(rendered, "Deployment")
                   if selects(one["spec"]["podSelector"], pod(deployment)["metadata"]["labels"])]
            self.assertEqual(len(own), 1)
            open_ports = {port["containerPort"] for port in own[0]["spec"]["containers"][0]["ports"]}
            for rule in one["spec"]["ingress"]:
                self.assertLessEqual({port["port"] for port in rule["ports"]}, open_ports)
            for rule in one["spec"]["egress"]:
                for peer in rule["to"]:
                    if set(peer) != {"podSelector"}:
                        continue
                    for target in of_kind(rendered, "Deployment"):
                        if selects(peer["podSelector"], pod(target)["metadata"]["labels"]) and target["metadata"]["name"] != "sluice-sandbox":
                            policy = find(rendered, "NetworkPolicy", target["metadata"]["name"])
                            allowed = {port["port"] for rule_in in policy["spec"]["ingress"] for port in rule_in["ports"]
                                       if any(selects(source.get("podSelector", {}) or {"matchLabels": {}}, own[0]["metadata"]["labels"])
                                              for source in rule_in.get("from", []) if set(source) == {"podSelector"})}
                            self.assertLessEqual({port["port"] for port in rule["ports"]}, allowed)

    def test_only_gateways_may_reach_the_listener_for_gateways(self):
        for _, one in self.each("NetworkPolicy"):
            for rule in one["spec"]["ingress"]:
                if 50053 in {port["port"] for port in rule["ports"]}:
                    self.assertEqual([peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in rule["from"]], ["gateway"])
                    self.assertEqual(len(rule["ports"]), 1)

    def test_the_grace_period_is_longer_than_the_whole_drain(self):
        for rendered, one in self.each("Deployment"):
            name = one["metadata"]["name"].removeprefix("sluice-")
            if name in ("broker", "gateway"):
                drain = yaml.safe_load(find(rendered, "ConfigMap", f"sluice-{name}")["data"][f"{name}.yaml"])["drain"]
                seconds = sum(int(drain[phase].removesuffix("s")) for phase in ("wait", "grace"))
                self.assertGreaterEqual(pod(one)["spec"]["terminationGracePeriodSeconds"], seconds + 5)
            if name == "proxy":
                sleeps = int(re.search(r"sleep (\d+)$", container(one)["lifecycle"]["preStop"]["exec"]["command"][-1])[1])
                self.assertGreaterEqual(pod(one)["spec"]["terminationGracePeriodSeconds"], sleeps + 5)

    def test_all_brokers_together_stay_within_what_sts_allows_the_account(self):
        for rendered, one in self.each("Deployment"):
            if one["metadata"]["name"] != "sluice-broker":
                continue
            share = yaml.safe_load(find(rendered, "ConfigMap", "sluice-broker")["data"]["broker.yaml"])["sts"]["calls_per_second"]
            scaled = [scaler for scaler in of_kind(rendered, "HorizontalPodAutoscaler") if scaler["metadata"]["name"] == "sluice-broker"]
            most = scaled[0]["spec"]["maxReplicas"] if scaled else one["spec"]["replicas"]
            surge = one["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
            self.assertGreaterEqual(share, 1)
            self.assertLessEqual(share * (most + surge), ACCOUNT_CALLS)

    def test_no_secret_stands_in_a_config_map_or_a_production_environment(self):
        for _, one in self.each("ConfigMap"):
            for text in one["data"].values():
                self.assertNotRegex(text, r"PRIVATE KEY|secret:|access_key_secret")
        for name in ("minimal", "production", "broker-only"):
            for one in of_kind(self.rendered[name], "Deployment"):
                self.assertFalse([entry for entry in container(one).get("env", []) if re.search("SECRET|KEY", entry["name"])])

    def test_every_service_monitor_finds_a_port(self):
        for rendered, one in self.each("ServiceMonitor"):
            services = [service for service in of_kind(rendered, "Service") if selects(one["spec"]["selector"], service["metadata"]["labels"])]
            self.assertEqual(len(services), 1)
            self.assertIn(one["spec"]["endpoints"][0]["port"], {port["name"] for port in services[0]["spec"]["ports"]})
        for rendered, one in self.each("PodMonitor"):
            pods = [deployment for deployment in of_kind(rendered, "Deployment") if selects(one["spec"]["selector"], pod(deployment)["metadata"]["labels"])]
            self.assertIn(one["spec"]["podMetricsEndpoints"][0]["port"], {port["name"] for port in container(pods[0])["ports"]})

    def test_port_names_are_as_kubernetes_wants_them(self):
        for _, one in self.each("Deployment"):
            for port in container(one)["ports"]:
                self.assertRegex(port["name"], r"^(?=.{1,15}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$")


class Judge(unittest.TestCase):
    """A judge that finds nothing wrong proves nothing unless it finds what is."""

    @classmethod
    def setUpClass(cls):
        cls.rendered = render("production")

    def assert_found(self, kind, name, spoil, *words):
        one = copy.deepcopy(find(self.rendered, kind, name))
        for version in (OLDEST, NEWEST):
            self.assertEqual(kubernetes(version).faults(one), [])
        spoil(one)
        for version in (OLDEST, NEWEST):
            faults = kubernetes(version).faults(one)
            self.assertEqual(len(faults), 1, faults)
            for word in words:
                self.assertIn(word, faults[0])

    def test_an_unknown_field_is_found_however_deep(self):
        self.assert_found("Deployment", "sluice-broker", lambda one: container(one)["readinessProbe"]["httpGet"].update(prot="x"), "httpGet", "'prot' was unexpected")
        self.assert_found("ServiceMonitor", "sluice-broker", lambda one: one["spec"]["endpoints"][0].update(ports="x"), "endpoints.0", "'ports' was unexpected")

    def test_a_value_of_another_type_is_found(self):
        self.assert_found("Deployment", "sluice-broker", lambda one: container(one)["ports"][0].update(containerPort="50051"), "containerPort", "not of type 'integer'")
        self.assert_found("NetworkPolicy", "sluice-broker", lambda one: one["spec"].update(policyTypes="Ingress"), "policyTypes", "not of type 'array'")

    def test_a_missing_field_is_found(self):
        self.assert_found("HorizontalPodAutoscaler", "sluice-broker", lambda one: one["spec"].pop("maxReplicas"), "'maxReplicas' is a required property")
        self.assert_found("Certificate", "sluice-broker-tls", lambda one: one["spec"].pop("issuerRef"), "'issuerRef' is a required property")

    def test_an_unknown_kind_is_found(self):
        self.assert_found("PodDisruptionBudget", "sluice-broker", lambda one: one.update(apiVersion="policy/v1beta9"), "no such kind")


class Chart(unittest.TestCase):
    def checksum(self, *settings, of="broker"):
        return pod(find(render("minimal", *settings), "Deployment", f"sluice-{of}"))["metadata"]["annotations"]["checksum/config"]

    def test_a_changed_config_rolls_the_pods_that_read_it_and_no_others(self):
        changed = "broker.config.load.in_flight=500"
        self.assertEqual(self.checksum(), self.checksum())
        self.assertNotEqual(self.checksum(), self.checksum(changed))
        self.assertEqual(self.checksum(of="gateway"), self.checksum(changed, of="gateway"))
        self.assertNotEqual(self.checksum(of="gateway"), self.checksum("gateway.config.limits.streams=500", of="gateway"))

    def test_the_kill_switch_is_no_part_of_the_config_so_it_needs_no_restart(self):
        rendered = render("minimal")
        self.assertEqual(find(rendered, "ConfigMap", "sluice-deny")["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")
        volumes = {volume["name"]: volume for volume in pod(find(rendered, "Deployment", "sluice-broker"))["spec"]["volumes"]}
        self.assertEqual(volumes["deny"], {"name": "deny", "configMap": {"name": "sluice-deny"}})
        self.assertEqual(self.checksum(), self.checksum("broker.denyList.configMapName=mine"))
        rendered = render("minimal", "broker.denyList.secretName=mine")
        volumes = {volume["name"]: volume for volume in pod(find(rendered, "Deployment", "sluice-broker"))["spec"]["volumes"]}
        self.assertEqual(volumes["deny"]["secret"]["secretName"], "mine")
        self.assertFalse([one for one in of_kind(rendered, "ConfigMap") if one["metadata"]["name"] == "sluice-deny"])

    def test_the_share_of_sts_shrinks_as_more_replicas_may_run(self):
        def share(*settings):
            return yaml.safe_load(find(render("minimal", *settings), "ConfigMap", "sluice-broker")["data"]["broker.yaml"])["sts"]["calls_per_second"]
        self.assertEqual(share(), 33)  # 100 by two replicas and one more in a rollout
        self.assertEqual(share("broker.replicas=4"), 20)
        self.assertEqual(share("broker.autoscaling.enabled=true", "broker.autoscaling.maxReplicas=9"), 10)
        self.assertEqual(share("broker.replicas=99"), 1)

    def refuses(self, values, *settings, because):
        with self.assertRaises(Refused) as refused:
            render(values, *settings)
        self.assertIn(because, str(refused.exception))

    def test_what_cannot_work_is_refused_with_a_reason(self):
        self.refuses("minimal", "broker.replicas=100", because="leave nothing for each of 101 pods")
        self.refuses("minimal", "broker.ticketKeys.secretName=", because="name a Secret with an Ed25519 key")
        self.refuses("minimal", "broker.ticketKeys.ephemeral=true", because="each replica would have a key of its own")
        self.refuses("minimal", "gateway.uploadKeys.ephemeral=true", because="each replica would have a key of its own")
        self.refuses("minimal", "certificates.brokerSecretName=", because="certificates.brokerSecretName: name a Secret")
        self.refuses("minimal", "certificates.generated=true", because="needs development: true")
        self.refuses("minimal", "sandbox.enabled=true", because="its keys are public constants")
        self.refuses("minimal", "proxy.enabled=true", because="proxy.tls: name a Secret")
        self.refuses("production", "broker.rrsa.roleName=", because="broker.rrsa.roleName: needed with mode webhook")
        self.refuses("broker-only", "broker.rrsa.roleArn=", because="broker.rrsa.roleArn: needed with mode projected")
        self.refuses("kind/dev", "gateway.identity=spiffe://sluice/gateway", because="can hold a DNS name only")

    def test_values_that_the_chart_does_not_know_are_refused(self):
        self.refuses("minimal", "broker.replica=3", because="additional properties 'replica' not allowed")
        self.refuses("minimal", "broker.image.tag=latest", because="/broker/image/tag")
        self.refuses("minimal", "proxy.idleTimeoutSeconds=60", because="minimum: got 60, want 3,600")

    def test_what_the_chart_writes_may_not_be_written_twice(self):
        for setting in ("broker.config.listen.admin=x", "broker.config.keys.ephemeral_keys=true", "broker.config.sts.calls_per_second=100",
                        "broker.config.development=true", "gateway.config.broker.address=x", "gateway.config.drain.wait=1s"):
            self.refuses("minimal", setting, because="not allowed")

    def test_the_gateways_certificate_says_one_name_and_the_broker_knows_it(self):
        rendered = render("production")
        certificate = find(rendered, "Certificate", "sluice-gateway-client-tls")["spec"]
        broker = yaml.safe_load(find(rendered, "ConfigMap", "sluice-broker")["data"]["broker.yaml"])
        self.assertEqual(certificate["uris"], broker["gateways"]["names"])
        self.assertNotIn("dnsNames", certificate)
        self.assertIn("client auth", certificate["usages"])

    def test_the_brokers_certificate_has_the_name_that_the_gateway_asks_for(self):
        rendered = render("production")
        gateway = yaml.safe_load(find(rendered, "ConfigMap", "sluice-gateway")["data"]["gateway.yaml"])
        host, port = gateway["broker"]["address"].split(":")
        self.assertIn(host, find(rendered, "Certificate", "sluice-broker-tls")["spec"]["dnsNames"])
        self.assertEqual(host, "sluice-broker-pods.sluice.svc.cluster.local")
        self.assertIn(int(port), {one["port"] for one in find(rendered, "Service", "sluice-broker-pods")["spec"]["ports"]})

    def test_every_certificate_has_an_issuer_that_is_there_or_was_named(self):
        rendered = render("production")
        issuers = {one["metadata"]["name"] for one in of_kind(rendered, "Issuer")}
        for one in of_kind(rendered, "Certificate"):
            if one["metadata"]["name"] == "sluice-proxy-tls":
                self.assertEqual(one["spec"]["issuerRef"], {"kind": "ClusterIssuer", "name": "letsencrypt"})
            else:
                self.assertIn(one["spec"]["issuerRef"]["name"], issuers)

    def test_rrsa_by_webhook_is_one_annotation_and_without_it_a_projected_token(self):
        account = find(render("production"), "ServiceAccount", "sluice-broker")
        self.assertEqual(account["metadata"]["annotations"], {"pod-identity.alibabacloud.com/role-name": "sluice-broker"})
        deployment = find(render("broker-only"), "Deployment", "sluice-broker")
        environment = {entry["name"]: entry.get("value") for entry in container(deployment)["env"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in container(deployment)["volumeMounts"]}
        token = [volume for volume in pod(deployment)["spec"]["volumes"] if "projected" in volume][0]
        source = token["projected"]["sources"][0]["serviceAccountToken"]
        self.assertEqual(environment["ALIBABA_CLOUD_OIDC_TOKEN_FILE"], f"{mounts[token['name']]}/{source['path']}")
        self.assertEqual(source["audience"], "sts.aliyuncs.com")
        self.assertRegex(environment["ALIBABA_CLOUD_ROLE_ARN"], "^acs:ram::")
        self.assertRegex(environment["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"], "^acs:ram::.*oidc-provider/")

    def test_alerts_are_taken_from_a_rules_file_of_prometheus(self):
        rules = chart.ROOT / "deploy/monitoring/alerts.yaml"
        rendered = render("production", "prometheusRule.enabled=true", more=["--set-file", f"prometheusRule.rules={rules}"])
        rule = find(rendered, "PrometheusRule", "sluice")
        self.assertEqual(rule["spec"], yaml.safe_load(rules.read_text()))
        self.assertEqual(kubernetes(NEWEST).faults(rule), [])

    def test_two_releases_in_one_namespace_do_not_meet(self):
        one, other = (render("minimal", release=release) for release in ("sluice", "second"))
        names = [{(thing["kind"], thing["metadata"]["name"]) for thing in rendered} for rendered in (one, other)]
        self.assertFalse(names[0] & names[1])
        for service in of_kind(other, "Service"):
            self.assertFalse([deployment for deployment in of_kind(one, "Deployment")
                              if selects({"matchLabels": service["spec"]["selector"]}, pod(deployment)["metadata"]["labels"])])

    def test_every_value_that_the_readme_names_is_one_of_the_chart(self):
        table = re.findall(r"(?m)^\| (`[a-z].*?`) \|", (chart.ROOT / "deploy/helm/README.md").read_text().split("## Values")[1].split("## Long")[0])
        named = [name for cell in table for name in re.findall(r"`([^`]+)`", cell)]
        self.assertGreater(len(named), 15)
        for name in named:
            value = yaml.safe_load((chart.CHART / "values.yaml").read_text())
            for part in name.split("."):
                self.assertIn(part, value, name)
                value = value[part]

    def test_the_schema_names_every_value_and_no_other(self):
        def names(values, schema, at=""):
            schema = definitions[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
            out = {at}
            if isinstance(values, dict) and schema.get("additionalProperties") is False and "properties" in schema and values:
                self.assertEqual(set(values), set(schema["properties"]) - {"global"}, at)
                for name, value in values.items():
                    out |= names(value, schema["properties"][name], f"{at}.{name}")
            return out
        schema = json.loads((chart.CHART / "values.schema.json").read_text())
        definitions = schema["$defs"]
        self.assertGreater(len(names(yaml.safe_load((chart.CHART / "values.yaml").read_text()), schema)), 150)


class Examples(unittest.TestCase):
    """The ingress examples beside the chart, against what it renders and against the controller's own list of annotations."""

    @classmethod
    def setUpClass(cls):
        folder = chart.ROOT / "deploy/helm/examples"
        cls.examples = {path.name: chart.objects(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
        cls.rendered = render("production")

    def test_kubernetes_accepts_them(self):
        for version in (OLDEST, NEWEST):
            schemas = kubernetes(version)
            for name, objects in self.examples.items():
                with self.subTest(example=name, kubernetes=version):
                    judged = [one for one in objects if not one["apiVersion"].startswith("alibabacloud.com/")]
                    self.assertTrue(judged)
                    self.assertEqual([fault for one in judged for fault in schemas.faults(one)], [])

    def test_each_leads_to_a_service_and_a_port_of_the_chart(self):
        for name, objects in self.examples.items():
            backends = [path["backend"]["service"] for one in of_kind(objects, "Ingress") for rule in one["spec"]["rules"]
                        for path in rule["http"]["paths"]]
            self.assertTrue(backends, name)
            for backend in backends:
                with self.subTest(example=name, backend=backend):
                    service = find(self.rendered, "Service", backend["name"])
                    self.assertIn(backend["port"]["name"], {port["name"] for port in service["spec"]["ports"]})

    def test_ingress_nginx_knows_each_annotation_and_each_setting(self):
        known = (SCHEMAS / "ingress-nginx-v0.0.0-20240708192948-52c50467d67d")
        annotations = set(re.findall(r"nginx\.ingress\.kubernetes\.io/[a-z0-9-]+", (known / "annotations.md").read_text()))
        settings = set(re.findall(r"^## ([a-z0-9-]+)", (known / "configmap.md").read_text(), re.M))
        objects = self.examples["ingress-nginx.yaml"]
        used = {key for one in of_kind(objects, "Ingress") for key in one["metadata"].get("annotations", {}) if key.startswith("nginx.")}
        self.assertGreater(len(used), 4)
        self.assertLessEqual(used, annotations)
        self.assertLessEqual(set(find(objects, "ConfigMap", "ingress-nginx-controller")["data"]), settings)

    def test_no_stream_is_cut_by_size_or_within_an_hour(self):
        for one in of_kind(self.examples["ingress-nginx.yaml"], "Ingress"):
            notes = {key.split("/")[1]: value for key, value in one["metadata"]["annotations"].items()}
            with self.subTest(ingress=one["metadata"]["name"]):
                self.assertEqual(notes["proxy-body-size"], "0")
                for timeout in ("proxy-read-timeout", "proxy-send-timeout"):
                    self.assertGreaterEqual(int(notes[timeout]), 3600)
                self.assertEqual(notes["proxy-request-buffering"], "off")


if __name__ == "__main__":
    unittest.main()
