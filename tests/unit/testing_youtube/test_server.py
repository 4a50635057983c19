"""The stand-in's sockets: what it lets through, what it refuses, how it starts and stops."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tubeq.testing.youtube import RequestKind, SimulatedYouTube, World, certificates, faults


@pytest.fixture
def server() -> Iterator[SimulatedYouTube]:
    world = World()
    world.channel("@lighthouse", 45)
    with SimulatedYouTube(world) as server:
        yield server


def tunnel(server: SimulatedYouTube, host: str = "www.youtube.com") -> http.client.HTTPSConnection:
    address = server.proxy_url.removeprefix("http://")
    context = ssl.create_default_context(cafile=server.ca_file)
    connection = http.client.HTTPSConnection(address, context=context, timeout=10)
    connection.set_tunnel(host, 443)
    return connection


def ask(
    connection: http.client.HTTPConnection, path: str, query: object = None
) -> tuple[int, bytes]:
    """GET, or POST of a query; status and body."""
    body = None if query is None else json.dumps(query)
    connection.request("GET" if body is None else "POST", path, body)
    response = connection.getresponse()
    return response.status, response.read()


def test_one_connection_serves_many_requests(server: SimulatedYouTube) -> None:
    with closing(tunnel(server)) as connection:
        for _ in range(3):
            status, body = ask(connection, "/@lighthouse/videos")
            assert status == 200
            assert b"ytInitialData" in body
        used = connection.sock
        assert ask(connection, "/@nobody/videos")[0] == 404
        assert connection.sock is used
    assert server.requests(RequestKind.PAGE) == 4
    assert server.requests(channel="@Lighthouse") == 3
    assert server.requests() == 4
    assert not server.unexpected_hosts


def test_any_simulated_host(server: SimulatedYouTube) -> None:
    for host in certificates.HOSTS:
        with closing(tunnel(server, host)) as connection:
            assert ask(connection, "/@lighthouse/videos")[0] == 200


def test_paging_by_hand(server: SimulatedYouTube) -> None:
    with closing(tunnel(server)) as connection:
        url = "https://www.youtube.com/@lighthouse/videos"
        resolved = ask(connection, "/youtubei/v1/navigation/resolve_url", {"url": url})[1]
        endpoint = json.loads(resolved)["endpoint"]["browseEndpoint"]
        first = ask(connection, "/youtubei/v1/browse?prettyPrint=false", endpoint)[1]
        assert first.count(b'"lockupViewModel"') == 30
        token = first.split(b'"token": "')[1].split(b'"')[0].decode()
        second = ask(connection, "/youtubei/v1/browse", {"continuation": token})[1]
        assert second.count(b'"lockupViewModel"') == 15
        assert b"continuationItemRenderer" not in second
    kinds = (RequestKind.RESOLVE, RequestKind.BROWSE, RequestKind.CONTINUATION)
    assert [server.requests(kind, "@lighthouse") for kind in kinds] == [1, 1, 1]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/feed/trending", None),
        ("/youtubei/v1/player", {}),
        ("/youtubei/v1/next", ["x"]),
        ("/youtubei/v1/search", {}),
        ("/youtubei/v1/search", {"query": "tea", "params": "rubbish"}),
        ("/youtubei/v1/search", {"query": "tea", "continuation": "rubbish"}),
        *(("/youtubei/v1/browse", {"continuation": x}) for x in ("WyJvdGhlciJd", "rubbish", 7)),
        ("/youtubei/v1/browse", {"browseId": ["x"]}),
        ("/youtubei/v1/browse", ["x"]),
        ("/youtubei/v1/navigation/resolve_url", {}),
    ],
)
def test_nonsense_is_refused_without_a_crash(
    server: SimulatedYouTube, path: str, query: object, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(tunnel(server)) as connection:
        assert ask(connection, path, query)[0] == 404
        assert ask(connection, "/@lighthouse/videos")[0] == 200
    assert capfd.readouterr().err == ""


def test_other_hosts_cannot_be_reached_and_are_noted(server: SimulatedYouTube) -> None:
    with closing(tunnel(server, "evil.example")) as connection, pytest.raises(OSError, match="403"):
        connection.connect()
    handler = urllib.request.ProxyHandler({"http": server.proxy_url})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(handler).open("http://plain.example/", timeout=10)
    caught.value.close()
    assert caught.value.code == 403
    assert server.unexpected_hosts == {"evil.example", "plain.example"}


def test_other_ports_of_simulated_hosts_are_refused(server: SimulatedYouTube) -> None:
    host, port = server.proxy_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"CONNECT www.youtube.com:22 HTTP/1.1\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 403")
    assert server.unexpected_hosts == {"www.youtube.com"}


def test_who_does_not_trust_the_authority_is_not_fooled(server: SimulatedYouTube) -> None:
    address = server.proxy_url.removeprefix("http://")
    with closing(http.client.HTTPSConnection(address, timeout=10)) as connection:
        connection.set_tunnel("www.youtube.com", 443)
        with pytest.raises(ssl.SSLCertVerificationError):
            connection.connect()


def test_the_environment_sends_everything_here(server: SimulatedYouTube) -> None:
    environment = server.environment
    assert environment["HTTPS_PROXY"] == environment["https_proxy"] == server.proxy_url
    assert environment["SSL_CERT_FILE"] == server.ca_file
    assert environment["no_proxy"] == ""
    assert server.proxy_url.startswith("http://127.0.0.1:")


def test_latency() -> None:
    with SimulatedYouTube(latency_s=0.1) as server, closing(tunnel(server)) as connection:
        connection.connect()
        start_s = time.perf_counter()
        assert ask(connection, "/@whatever/videos")[0] == 200
        assert time.perf_counter() - start_s >= 0.1


@pytest.mark.parametrize("fault", [faults.hang(), faults.slow_drip()])
def test_closing_ends_what_hangs(fault: faults.Fault) -> None:
    server = SimulatedYouTube()
    server.world.fail(fault)
    outcome: list[Any] = []

    def client() -> None:
        with closing(tunnel(server)) as connection:
            try:
                outcome.append(ask(connection, "/@whatever/videos"))
            except (OSError, http.client.HTTPException) as error:
                outcome.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    while not server.requests():
        time.sleep(0.005)
    start_s = time.perf_counter()
    server.close()
    thread.join(timeout=10)
    assert time.perf_counter() - start_s < 2
    assert isinstance(outcome[0], Exception)
    server.close()  # once more does no harm


def test_a_fixed_port_can_be_had_again_at_once() -> None:
    with SimulatedYouTube() as first:
        port = int(first.proxy_url.rpartition(":")[2])
        with closing(tunnel(first)) as connection:
            ask(connection, "/@whatever/videos")
    with SimulatedYouTube(port=port) as second:
        assert second.proxy_url == first.proxy_url


def test_certificates_are_made_once() -> None:
    with SimulatedYouTube() as one, SimulatedYouTube() as two:
        assert one.ca_file == two.ca_file
        assert one.proxy_url != two.proxy_url


def test_without_cryptography_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.certificates.cache_clear()
    for module in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ImportError, match=r"pip install 'tubeq\[demo\]'"):
        SimulatedYouTube()
