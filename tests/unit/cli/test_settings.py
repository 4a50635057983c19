"""Settings: which source wins, and what a wrong value is told."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.policies import Durability
from tubeq.plugins.youtube.access import Access
from tubeq.settings import Settings
from tubeq.testing.youtube.certificates import certificates

needs_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with 3.11")


def test_defaults_where_nothing_is_set(tmp_path: Path) -> None:
    settings = Settings.read({}, tmp_path)
    assert settings == Settings()
    assert settings.db_path == Path("tubeq.db")
    assert settings.worker_environment() == {
        "TUBEQ_SOCKET_TIMEOUT_S": "10.0",
        "TUBEQ_DEADLINE_S": "300.0",
    }
    assert Access().environment() == settings.worker_environment()  # the same defaults


def test_environment_is_read(tmp_path: Path) -> None:
    cookies_file = tmp_path / "cookies.txt"
    cookies_file.write_text(".youtube.com\tTRUE\t/\tTRUE\t0\tname\tvalue\n", encoding="utf-8")
    cookies_file.chmod(0o600)
    environment = {
        "TUBEQ_DB": "queue.db",
        "TUBEQ_DURABILITY": "FULL",
        "TUBEQ_MAX_RETRIES": "7",
        "TUBEQ_BACKOFF_S": "0.5",
        "TUBEQ_PROXY": "http://proxy:8080",
        "TUBEQ_CA_FILE": str(certificates().ca_file),
        "TUBEQ_COOKIES_FILE": str(cookies_file),
        "TUBEQ_SOCKET_TIMEOUT_S": "2.5",
        "TUBEQ_DEADLINE_S": "60",
        "TUBEQ_LEASE_S": "",
        "HOME": "elsewhere",
    }
    settings = Settings.read(environment, tmp_path)
    assert settings.db_path == Path("queue.db")
    assert settings.durability is Durability.FULL
    assert (settings.max_retries, settings.backoff_s, settings.lease_s) == (7, 0.5, 60.0)
    variables = settings.worker_environment()
    assert variables["HTTPS_PROXY"] == variables["https_proxy"] == "http://proxy:8080"
    assert Path(variables["SSL_CERT_FILE"]).is_absolute()
    there = Access.of(environment=variables)
    assert (there.cookies_file, there.socket_timeout_s, there.deadline_s) == (
        str(cookies_file), 2.5, 60.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROXY", "http://me:hunter2@"),
        ("PROXY", "gopher://me:hunter2@proxy:1"),
        ("CA_FILE", "missing.pem"),
        ("COOKIES_FILE", "missing.txt"),
    ],
)
def test_what_leads_nowhere_is_refused_before_a_worker_starts(
    tmp_path: Path, name: str, value: str
) -> None:
    settings = Settings.read({f"TUBEQ_{name}": value}, tmp_path)
    with pytest.raises(InvalidParameters, match=name.lower()) as caught:
        settings.worker_environment()
    assert "hunter2" not in str(caught.value)


@needs_toml
def test_environment_overrides_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "tubeq.toml").write_text('db_path = "file.db"\nmax_retries = 9\n', "utf-8")
    settings = Settings.read({"TUBEQ_DB_PATH": "environment.db"}, tmp_path)
    assert settings.db_path == Path("environment.db")
    assert settings.max_retries == 9


@needs_toml
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("max_retrys = 3", r"max_retrys.*did you mean max_retries\?"),
        ("db = 'x.db'", r"no setting 'db', did you mean db_path\?"),
        ("[tubeq]\nmax_retries = 2", r"not in a table \[tubeq\]"),
        ("\udcff\udcfem\x00", "not UTF-8 text"),
        ("max_retries = 1.5", "max_retries"),
        ("max_retries = true", "max_retries"),
        ("lease_s = -1", "lease_s"),
        ("lease_s = nan", "lease_s"),
        ("deadline_s = 0", "deadline_s"),
        ("socket_timeout_s = 0.0", "socket_timeout_s"),
        ("cookies_file = false", "cookies_file"),
        ('backoff_s = "soon"', "backoff_s"),
        ("db_path = 5", "db_path"),
        ('durability = "perhaps"', "durability"),
        ("max_retries = ", "tubeq.toml"),
        ('db_path = "\udcff"', "tubeq.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "tubeq.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidParameters, match=named):
        Settings.read({}, tmp_path)


def test_a_wrong_variable_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameters, match="TUBEQ_LEASE_S"):
        Settings.read({"TUBEQ_LEASE_S": "a minute"}, tmp_path)


def test_without_a_toml_reader_the_file_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tubeq.toml").write_text("max_retries = 9\n", "utf-8")
    original = importlib.import_module

    def without_toml(name: str, *others: Any) -> Any:
        if name in ("tomllib", "tomli"):
            raise ImportError(name)
        return original(name, *others)

    monkeypatch.setattr(importlib, "import_module", without_toml)
    with pytest.raises(InvalidParameters, match="tomli"):
        Settings.read({}, tmp_path)


@needs_toml
def test_a_proxy_is_never_repeated(tmp_path: Path) -> None:
    (tmp_path / "tubeq.toml").write_text('proxy = ["http://me:hunter2@proxy"]\n', "utf-8")
    with pytest.raises(InvalidParameters, match="proxy") as caught:
        Settings.read({}, tmp_path)
    assert "hunter2" not in str(caught.value)


@needs_toml
def test_a_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "tubeq.toml").write_bytes(b"\xef\xbb\xbfmax_retries = 2\r\n")
    assert Settings.read({}, tmp_path).max_retries == 2


def test_a_file_that_is_none_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "tubeq.toml").mkdir()
    with pytest.raises(InvalidParameters, match="is not a file"):
        Settings.read({}, tmp_path)


def test_a_home_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameters, match="TUBEQ_DB"):
        Settings.read({"TUBEQ_DB": "~nobody-of-that-name/q.db"}, tmp_path)
