"""Network access: ingress, policies, and the two UDP configurations."""

from typing import Any

import pytest

from tests.charts.helm import EXAMPLES, HelmError, Object, env, named, only_container, render

RELAY = {"ingest": {"udp": {"mode": "relay"}}, "ice": {"servers": ["turn:turn.example.com"]}}


def ingest_pod(values: dict[str, Any]) -> Object:
    spec = named(render(values), "Deployment", "ingest")["spec"]["template"]["spec"]
    return dict(spec)


def test_on_the_host_network_media_reaches_the_nodes_own_address() -> None:
    pod = ingest_pod({"ingest": {"udp": {"mode": "hostNetwork"}, "port": 8070}})
    assert pod["hostNetwork"] is True
    assert pod["dnsPolicy"] == "ClusterFirstWithHostNet"
    ports = {p["name"]: p for p in only_container(pod)["ports"]}
    assert ports["http"]["containerPort"] == ports["http"]["hostPort"] == 8070
    assert ports["ops"]["containerPort"] == ports["ops"]["hostPort"] == 8090


def test_behind_a_relay_the_edge_has_no_port_on_the_node() -> None:
    pod = ingest_pod(RELAY)
    assert "hostNetwork" not in pod
    assert "hostPort" not in only_container(pod)["ports"][0]


def test_a_relay_needs_a_turn_server() -> None:
    with pytest.raises(HelmError, match=r"ice\.servers"):
        render({**RELAY, "ice": {"servers": ["stun:stun.example.com"]}})


def test_page_and_edge_use_the_same_ice_servers() -> None:
    objects = render(RELAY)
    for component in ("session", "ingest"):
        pod = named(objects, "Deployment", component)["spec"]["template"]["spec"]
        variable = f"NEXTFRAME_{component.upper()}_ICE_SERVERS"
        assert env(pod)[variable] == "turn:turn.example.com"


def test_the_ingress_gives_each_service_a_host_of_its_own() -> None:
    rules = named(render(EXAMPLES["gpu"]), "Ingress", "ingress")["spec"]["rules"]
    backends = {
        rule["host"]: path["backend"]["service"]["name"]
        for rule in rules
        for path in rule["http"]["paths"]
    }
    assert backends == {
        "play.example.com": "test-nextframe-ingest",
        "session.example.com": "test-nextframe-session",
    }


def test_no_ingress_leads_to_the_operators_port() -> None:
    rules = named(render(EXAMPLES["gpu"]), "Ingress", "ingress")["spec"]["rules"]
    backends = [path["backend"]["service"] for rule in rules for path in rule["http"]["paths"]]
    assert [backend["port"] for backend in backends] == [{"name": "http"}] * 2


@pytest.mark.parametrize("component, port", [("session", 8091), ("ingest", 8090)])
def test_only_prometheus_reaches_the_operators_port(component: str, port: int) -> None:
    policy = {"enabled": True, "monitoringNamespace": "watch"}
    objects = render({**RELAY, "networkPolicy": policy})
    rules = named(objects, "NetworkPolicy", component)["spec"]["ingress"]
    open_to_all = {p["port"] for rule in rules if "from" not in rule for p in rule["ports"]}
    [guarded] = [rule for rule in rules if "from" in rule]
    assert port not in open_to_all and guarded["ports"] == [{"protocol": "TCP", "port": port}]
    assert guarded["from"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "watch"
    }


@pytest.mark.parametrize("tls, scheme", [("", "http"), ("certificate", "https")])
def test_page_and_session_find_each_other_through_the_ingress(tls: str, scheme: str) -> None:
    objects = render({"ingress": {"enabled": True, "tlsSecretName": tls}})
    session = env(named(objects, "Deployment", "session")["spec"]["template"]["spec"])
    ingest = env(named(objects, "Deployment", "ingest")["spec"]["template"]["spec"])
    assert session["NEXTFRAME_SESSION_INGEST_URL"] == f"{scheme}://play.example.com"
    assert ingest["NEXTFRAME_INGEST_ALLOWED_ORIGINS"] == f"{scheme}://play.example.com"
    assert ingest["NEXTFRAME_INGEST_SESSION_URL"] == f"{scheme}://session.example.com"


def allowed(objects: list[Object], component: str) -> list[Any]:
    """Returns the allowed callers of a component: component names or address blocks."""
    policy = named(objects, "NetworkPolicy", component)
    peers = [peer for rule in policy["spec"]["ingress"] for peer in rule.get("from", [])]
    return [
        peer["ipBlock"]["cidr"]
        if "ipBlock" in peer
        else peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for peer in peers
        if "namespaceSelector" not in peer
    ]


def test_only_our_services_reach_redis() -> None:
    objects = render({**RELAY, "networkPolicy": {"enabled": True}})
    assert sorted(allowed(objects, "redis")) == ["generation", "ingest", "session"]


def test_only_the_edge_and_ray_itself_reach_generation() -> None:
    objects = render({**RELAY, "networkPolicy": {"enabled": True}})
    assert sorted(allowed(objects, "generation")) == ["generation", "ingest"]


def test_policies_know_an_edge_on_the_host_network_by_its_nodes() -> None:
    policy = {"enabled": True, "nodeCidrs": ["10.1.0.0/16"]}
    objects = render({"networkPolicy": policy})
    assert "10.1.0.0/16" in allowed(objects, "redis")
    with pytest.raises(HelmError, match="nodeCidrs"):
        render({"networkPolicy": {"enabled": True}})
