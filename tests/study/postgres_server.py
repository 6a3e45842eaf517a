"""A PostgreSQL server of a test's own, which it may stop and start."""

import os
import shutil
import socket
import subprocess
from pathlib import Path


def programs():
    """The folder of initdb and pg_ctl, None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


class PostgresServer:
    """A server on a free port of this machine; `folder` is emptied by whoever made it."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
        self._run(["initdb", "-D", folder / "data", "-U", "leanspike", "-A", "trust", "-N"])

    @property
    def address(self):
        return f"postgresql://leanspike@127.0.0.1:{self.port}/postgres"

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self.folder}"
        log = self.folder / "log"
        self._run(["pg_ctl", "-D", self.folder / "data", "-w", "-l", log, "-o", options, "start"])

    def stop(self):
        self._run(["pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop"])

    def _run(self, line):
        line = [str(programs() / line[0]), *map(str, line[1:])]
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(
            line, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=60, **user,
        )  # fmt: skip
