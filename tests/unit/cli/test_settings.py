"""Settings: which source wins, and what a wrong value is told."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.policies import Durability
from tubeq.settings import Settings

needs_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with 3.11")


def test_defaults_where_nothing_is_set(tmp_path: Path) -> None:
    settings = Settings.read({}, tmp_path)
    assert settings == Settings()
    assert settings.db_path == Path("tubeq.db")
    assert settings.worker_environment() == {}


def test_environment_is_read(tmp_path: Path) -> None:
    environment = {
        "TUBEQ_DB": "queue.db",
        "TUBEQ_DURABILITY": "FULL",
        "TUBEQ_MAX_RETRIES": "7",
        "TUBEQ_BACKOFF_S": "0.5",
        "TUBEQ_PROXY": "http://proxy:8080",
        "TUBEQ_CA_FILE": "ca.pem",
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
        ("max_retrys = 3", "max_retrys"),
        ("max_retries = 1.5", "max_retries"),
        ("max_retries = true", "max_retries"),
        ("lease_s = -1", "lease_s"),
        ("lease_s = nan", "lease_s"),
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
