"""An interpreter that has done its imports: a Python job of a second takes a tenth of one.

A server imports what workflow and jobs import, and forks for each program. `warm_python()` is the path of a command that
takes `-m MODULE`, `-c CODE` or a script, as `python` does, and hands it to the server with its working directory,
environment and terminal. Within the program `sys.executable` is that command, so that jobs start warm too.
"""

import atexit
import gc
import json
import os
import runpy
import site
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from functools import cache
from importlib import import_module
from pathlib import Path
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer

# modules that compute nothing and start no thread when they are imported, so that a fork is safe
IMPORTS = (
    "h5py", "matplotlib.pyplot", "numba", "pandas", "seaborn", "sklearn.cluster", "scipy.stats", "snakemake.cli",
    "snakemake_executor_plugin_slurm", "timm", "torch", "torchvision", "imprint.cli", "imprint.report.figures",
    "imprint.report.tables", "imprint.study.load", "imprint.study.specs",
)  # fmt: skip

CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"!"], [1, 2])
    server.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode() + b"\\n")
    sys.exit(int(server.recv(10) or 137))  # nothing comes from a program that was killed
"""


@cache
def warm_python():
    """The path of the command; its server ends with this process."""
    folder = tempfile.TemporaryDirectory()
    address, client = Path(folder.name) / "server", Path(folder.name) / "python"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, __file__, address], env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    atexit.register(folder.cleanup)
    atexit.register(server.wait)
    atexit.register(server.terminate)
    while not address.exists():
        assert server.poll() is None
        time.sleep(0.05)
    return str(client)


class Server(ForkingMixIn, UnixStreamServer):
    """Forks for each program."""


class Program(StreamRequestHandler):
    """One program, in a process of its own."""

    def handle(self):
        _, streams, _, _ = socket.recv_fds(self.request, 1, 2)
        arguments, folder, environment = json.loads(self.rfile.readline())
        for stream, received in zip((1, 2), streams, strict=True):
            os.dup2(received, stream)
            os.close(received)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.executable = arguments[0]
        sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
        sys.modules.pop("sitecustomize", None)
        site.execsitecustomize()
        code = 0
        try:
            execute(arguments[1:])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        self.wfile.write(b"%d" % code)


def execute(arguments):
    """Run what `python` would run with these arguments."""
    first = arguments[0]
    if first == "-m":
        sys.path[0], sys.argv = str(Path.cwd()), arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path[0], sys.argv = str(Path.cwd()), ["-c", *arguments[2:]]
        exec(arguments[1], {"__name__": "__main__"})
    else:
        sys.path[0], sys.argv = str(Path(first).parent), arguments
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    for name in IMPORTS:
        import_module(name)
    gc.freeze()  # a collection in a fork would copy all of its memory
    Server(sys.argv[1], Program).serve_forever()
