"""Aedes: what it is pinned to, when it counts as installed, what its server is told."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from loadtest.brokers import aedes
from loadtest.brokers.aedes import SERVER, Aedes
from loadtest.brokers.kind import Site
from loadtest.brokers.kind_settings import in_force
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with Aedes in it, and a Node.js that says it is version 20."""
    monkeypatch.setattr(aedes, "folder", lambda: tmp_path)
    monkeypatch.setattr(aedes, "find", lambda program: f"/there/is/{program}")
    monkeypatch.setattr(aedes, "stated_version", lambda *_: "20.1.0")
    module = tmp_path / "node_modules" / "aedes"
    module.mkdir(parents=True)
    (module / "package.json").write_text('{"version": "1.2.3"}')
    return tmp_path


def test_every_module_is_pinned_by_its_hash_and_no_place_is_named() -> None:
    package, lock = (json.loads((SERVER / name).read_text()) for name in ("package.json", "package-lock.json"))
    wanted = package["dependencies"]["aedes"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", wanted)
    modules = {name: module for name, module in lock["packages"].items() if name}
    assert modules["node_modules/aedes"]["version"] == wanted
    assert all(module["integrity"].startswith("sha512-") and "resolved" not in module for module in modules.values())


def test_it_is_installed_when_module_and_a_recent_node_are_there(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (Aedes().executable(), Aedes().version()) == ("/there/is/node", "1.2.3")
    assert Aedes().install_command().startswith(f"npm install --prefix {installed} aedes@")
    monkeypatch.setattr(aedes, "stated_version", lambda *_: "18.19.0")
    assert Aedes().executable() is None
    assert Aedes().install_command().startswith("Node.js 20 or later with npm (https://nodejs.org), then npm install")
    monkeypatch.setattr(aedes, "stated_version", lambda *_: "20.1.0")
    shutil.rmtree(installed / "node_modules")
    assert (Aedes().executable(), Aedes().version()) == (None, "")


def test_its_server_is_told_port_folder_and_options(installed: Path, tmp_path: Path) -> None:
    settings = in_force(Aedes(), {"concurrency": "100", "queueLimit": ""})
    launch = Aedes().prepare(Site(port=1884, log_dir=tmp_path, data_dir=tmp_path, settings=settings))
    assert launch.argv == ["/there/is/node", str(SERVER / "server.js"), str(tmp_path / "aedes.json")]
    assert json.loads((tmp_path / "aedes.json").read_text()) == {
        "address": "127.0.0.1",
        "port": 1884,
        "folder": str(installed),
        "options": {"concurrency": 100, "maxInflightInbound": 0},
    }


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "٣"])
def test_its_options_are_whole_numbers(tmp_path: Path, value: str) -> None:
    site = Site(port=1, log_dir=tmp_path, data_dir=tmp_path, settings=in_force(Aedes(), {"drainTimeout": value}))
    with pytest.raises(UsageError, match=r"--broker-setting drainTimeout: .* is not a whole number"):
        Aedes().prepare(site)
