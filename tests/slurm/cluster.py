"""A real SLURM of one node on the loopback address, for as long as a test needs it.

Munge, slurmctld and slurmd run as root below one temporary folder, without systemd, cgroups or accounting; Debian's
packages are installed where they are missing. Outside that folder there is only the link /etc/slurm/slurm.conf:
programs inside a job find the cluster by it, since Snakemake removes the SLURM_* variables there.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
LINK = Path("/etc/slurm/slurm.conf")
PREFIX = "imprint-slurm-"
PATIENCE = 120  # seconds for a daemon to start or to end: other tests may run at the same time

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
MpiDefault=none
SwitchType=switch/none
# without cgroups: processes are known by their group, CPUs are not confined, memory is polled each second
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
KillWait=2
# finished jobs stay visible to squeue and scontrol
MinJobAge=3600
JobRequeue=0
ReturnToService=2
GresTypes=gpu
# a node larger than the machine: requests are met as on a real one, and jobs share what there is
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 Gres=gpu:4 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=1-00:00:00 State=UP
PartitionName=gpu Nodes={host} MaxTime=1-00:00:00 State=UP
"""


class Unavailable(Exception):
    """Why there can be no SLURM on this machine."""


class Cluster:
    """SLURM between `with` and its end."""

    def __enter__(self):
        _require_packages()
        _remove_leftover()
        self.folder = Path(
            tempfile.mkdtemp(prefix=PREFIX, dir="/tmp")
        )  # short: paths of sockets are limited
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        _stop(self.folder)

    def _start(self):
        host, apart = _host()
        with socket.socket() as first, socket.socket() as second:
            for s in (first, second):
                s.bind(("127.0.0.1", 0))
            ports = [s.getsockname()[1] for s in (first, second)]
        for name in ("state", "spool", "key"):
            (self.folder / name).mkdir(mode=0o700)
        self.folder.chmod(0o755)
        (self.folder / "key" / "munge.key").touch(mode=0o600)
        (self.folder / "key" / "munge.key").write_bytes(os.urandom(1024))
        # any device stands for a GPU: only the request is tested
        devices = ("null", "zero", "full", "random")
        (self.folder / "gres.conf").write_text(
            "".join(f"Name=gpu File=/dev/{name}\n" for name in devices)
        )
        configuration = self.folder / "slurm.conf"
        configuration.write_text(CONFIGURATION.format(host=host, ports=ports, folder=self.folder))
        LINK.parent.mkdir(exist_ok=True)
        LINK.symlink_to(configuration)
        munge = {
            "socket": "munge.sock", "pid-file": "munged.pid", "log-file": "munged.log", "seed-file": "key/seed",
            "key-file": "key/munge.key",
        }  # fmt: skip
        _run(
            *apart,
            "munged",
            "--force",
            *(f"--{key}={self.folder / file}" for key, file in munge.items()),
        )
        _run(*apart, "slurmctld", "-f", str(configuration))
        _run(*apart, "slurmd", "-f", str(configuration))
        _until(
            lambda: _run("sinfo", "-h", "-p", "cpu", "-o", "%t", check=False).strip() == "idle",
            PATIENCE,
        )

    def jobs(self):
        """What `scontrol show job` says of each job so far, by key."""
        told = _run("scontrol", "--oneliner", "show", "job")
        return [
            dict(re.findall(r"(\w+)=(\S*)", line)) for line in told.splitlines() if "JobId=" in line
        ]

    def running(self):
        return [job for job in self.jobs() if job["JobState"] == "RUNNING"]

    def hold(self, job):
        """Stop the processes of a running job, as if they took for ever; False if there are none yet."""
        number = job["JobId"]
        steps = _run("squeue", "--noheader", "--steps", f"--job={number}", "--format=%i").split()
        if f"{number}.0" not in steps:
            return False
        _run("scancel", "--signal=STOP", number)
        return True

    def cancel(self, job):
        _run("scancel", job["JobId"])
        return True

    def log(self):
        """What the daemons wrote."""
        return "".join(
            (self.folder / f"{name}.log").read_text() for name in ("slurmctld", "slurmd")
        )


def _run(*command, check=True, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def _until(holds, seconds):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.1)


def _require_packages():
    if os.geteuid():
        raise Unavailable("starting SLURM needs root")
    missing = [
        p for p in PACKAGES if subprocess.run(["dpkg", "-s", p], capture_output=True).returncode
    ]
    if not missing:
        return
    # RUNLEVEL: no service is started
    apt = {**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
    patience = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]
    try:
        _run("apt-get", *patience, "update", env=apt)
        _run("apt-get", *patience, "install", "-y", "--no-install-recommends", *missing, env=apt)
    except RuntimeError as error:
        raise Unavailable(
            f"the packages {', '.join(missing)} cannot be installed: {error}"
        ) from None


def _host():
    """The host name that the daemons use, and the command that lets them have it.

    They listen where the machine's own name resolves to. Where that is not the loopback address they get another
    name, seen by nobody else.
    """
    name = socket.gethostname().partition(".")[0]
    try:
        if socket.gethostbyname(name).startswith("127."):
            return name, ()
    except OSError:
        pass
    apart = ("unshare", "--uts", "sh", "-c", 'hostname localhost && exec "$@"', "sh")
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        raise Unavailable(
            f"{name} does not resolve to the loopback address, and unshare is not allowed"
        )
    return "localhost", apart


def _remove_leftover():
    """What a killed run left; a SLURM that is not of these tests is not touched."""
    if LINK.is_symlink() and LINK.readlink().parent.name.startswith(PREFIX):
        _stop(LINK.readlink().parent)
    elif LINK.is_symlink() or LINK.exists():
        raise Unavailable(f"this machine has a SLURM of its own: {LINK}")


def _stop(folder):
    if _pid(folder, "slurmctld") and _pid(folder, "slurmd"):  # else jobs would outlive slurmd
        _run("scancel", "--user=root", check=False)
        with suppress(TimeoutError):
            _until(lambda: not _run("squeue", "--noheader", check=False), PATIENCE)
    for name in ("slurmd", "slurmctld", "munged"):
        if pid := _pid(folder, name):
            os.kill(pid, signal.SIGTERM)
            _until(lambda name=name: not _pid(folder, name), PATIENCE)
    if LINK.is_symlink() and LINK.readlink().parent == folder:
        LINK.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _pid(folder, name):
    """The process of a daemon, if it lives."""
    try:
        pid = int((folder / f"{name}.pid").read_text())
        command, state = re.match(
            r"\d+ \((.*)\) (\w)", Path(f"/proc/{pid}/stat").read_text()
        ).groups()
    except (OSError, ValueError):
        return None
    return pid if command == name and state != "Z" else None
