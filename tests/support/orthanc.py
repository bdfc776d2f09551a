"""A real Orthanc with its DICOMweb plugin, on a free loopback port, with its own folder and configuration."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from support.gateway_served import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
WEB_VIEWER = Path("/usr/share/orthanc/plugins/libOrthancWebViewer.so")
USER, PASSWORD = "reader", "pass-three"


@dataclass
class Orthanc:
    """Starts and ends the server; what it stored lies in ``folder`` and outlives it."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    plugins: tuple[Path, ...] = (PLUGIN,)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dicom-web"

    def get(self, path: str) -> httpx.Response:
        """What Orthanc's own REST API answers."""
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, auth=(USER, PASSWORD), trust_env=False, timeout=30)

    def start(self) -> None:
        binary = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if binary is None or not PLUGIN.exists():
            pytest.skip("Orthanc is not installed (Debian packages orthanc, orthanc-dicomweb)")
        if missing := [plugin.stem for plugin in self.plugins if not plugin.exists()]:
            pytest.skip(f"Orthanc lacks {missing} (Debian packages orthanc-dicomweb, orthanc-webviewer)")
        self.folder.mkdir(exist_ok=True)
        configuration = self.folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration()))
        log = (self.folder / "orthanc.log").open("ab")
        with log:
            self.process = subprocess.Popen([binary, str(configuration)], stdout=log, stderr=log, cwd=self.folder)
        self._wait()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def _configuration(self) -> dict[str, object]:
        return {
            "Name": "test",
            "StorageDirectory": str(self.folder / "db"),
            "IndexDirectory": str(self.folder / "db"),
            "Plugins": [str(plugin) for plugin in self.plugins],
            "HttpPort": self.port,
            "HttpBindAddresses": ["127.0.0.1"],
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": True,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "WebViewer": {"CachePath": str(self.folder / "viewer")},
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }

    def _wait(self) -> None:
        assert self.process is not None
        for _ in range(300):
            if self.process.poll() is not None:
                raise AssertionError("Orthanc ended: " + (self.folder / "orthanc.log").read_text()[-2000:])
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/system", auth=(USER, PASSWORD), trust_env=False)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("Orthanc did not start")
