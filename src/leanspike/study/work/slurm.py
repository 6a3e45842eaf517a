"""A Slurm array script that works on one study, for clusters that a scheduler runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from leanspike.study.work.database import without_password

_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --time=04:00:00
#SBATCH --output={out}/slurm-%A_%a.log
# Add what your cluster wants: --partition, --account, --gres=gpu:1, ...
# Job 0 begins the study and works on it; the others join once it has begun. Every job may be
# killed at any moment: submit the script again, and the study goes on from there.
set -euo pipefail
{password}if [ "${{SLURM_ARRAY_TASK_ID:?this script is a job array: sbatch it}}" -eq 0 ]; then
  exec {begin}
fi
exec {join}
"""

_PASSWORD = """\
# The database's password is not written here: keep it in ~/.pgpass (readable by you alone).
"""


def slurm_script(
    name: str,
    begin: Sequence[str],
    *,
    out: Path,
    storage: str | None,
    jobs: int,
    cpus: int = 1,
    wait: int = 3600,
) -> str:
    """Return a job array that works on one study: one worker per job.

    Parameters
    ----------
    begin
        The command line that begins the study (``leanspike study ...``), without ``--slurm``.
    out, storage
        Folder and database; every node must see both. A password in the database's address is
        left out, for many can read a script.
    wait
        For how many seconds a job waits for the first one to begin the study.
    """
    join = ["leanspike", "worker", str(out), "--wait", str(wait)]
    public = without_password(storage) if storage is not None else None
    if public is not None:
        join += ["--storage", public]
    return _SCRIPT.format(
        name=shlex.quote(f"leanspike-{name}".replace(" ", "-")),
        last=jobs - 1,
        cpus=cpus,
        out=shlex.quote(str(out)),
        begin=shlex.join([*begin, "--jobs", "1"]),
        join=shlex.join(join),
        password=_PASSWORD if public != storage else "",
    )
