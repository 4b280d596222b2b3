"""An interpreter that has done its imports, on which a small job spends most of its time.

A server imports what workflow and jobs import, and forks for each program. `warm_python()` is the path of a command that
takes `-m MODULE` or a script, as `python` does, and hands it to the server with its working directory, environment and
terminal. Within the program `sys.executable` is that command, so that jobs start warm too. Whoever kills the command does
not kill the program.
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
import traceback
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer

# None of them computes or starts a thread when it is imported, so that a fork is safe. A job sets the threads of numba before
# it imports it, which is too late here: no loop of the program uses them.
IMPORTS = (
    "altair", "h5py", "itables.javascript", "matplotlib.backends.backend_pdf", "matplotlib.pyplot", "nbformat",
    "pandas.io.formats.style", "pyarrow.dataset", "pyarrow.parquet", "scipy.stats", "seaborn", "sklearn.cluster",
    "sklearn.datasets", "smart_open", "snakemake.cli", "snakemake.report.html_reporter", "snakemake_executor_plugin_slurm", "timm",
    "torch", "torchvision", "imprint.cli", "imprint.method.kernels", "imprint.report.explorer", "imprint.report.figures",
    "imprint.report.tables", "imprint.study.jobs.proxies", "imprint.study.jobs.scores", "imprint.study.load",
    "imprint.study.page",
)  # fmt: skip

COMMAND = """#!{python} -IS
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
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen(
        [sys.executable, __file__], env=environment, stdout=subprocess.PIPE, text=True
    )
    path = server.stdout.readline().strip()
    assert path, "the server of the warm interpreter did not start"
    return path


class Server(ForkingMixIn, UnixStreamServer):
    """Forks for each program, as long as the process lives that started it."""

    parent = os.getppid()

    def service_actions(self):
        super().service_actions()
        if os.getppid() != self.parent:
            sys.exit()


class Program(StreamRequestHandler):
    """One program, in a process of its own."""

    def handle(self):
        _, streams, _, _ = socket.recv_fds(self.request, 1, 2)
        arguments, folder, environment = json.loads(self.rfile.readline())
        for stream, received in zip((1, 2), streams, strict=True):
            os.dup2(received, stream)
            os.close(received)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", 1, closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        code, at_exit = 0, []
        # a fork ends without the functions that the program leaves for its exit, and must not call those of the server
        atexit.register = lambda *call, **options: at_exit.append(partial(*call, **options))
        try:
            execute(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
        for function in reversed(at_exit):
            function()
        sys.stdout.flush()
        sys.stderr.flush()
        self.wfile.write(b"%d" % code)


def execute(arguments):
    """Do what `python` does with these arguments, of which the first is its name."""
    sys.executable, *sys.argv = arguments
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()
    if sys.argv[0] == "-m":
        sys.path[0] = str(Path.cwd())
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(sys.argv[0]).parent)
        runpy.run_path(sys.argv[0], run_name="__main__")


def serve():
    """Write the command, print its path and wait for programs."""
    for name in IMPORTS:
        import_module(name)
    # the first function that numba compiles makes it import and register all that others need
    import_module("numba").njit(lambda: None)()
    gc.freeze()  # a collection in a fork would copy all memory
    with tempfile.TemporaryDirectory() as folder:
        address, command = f"{folder}/server", Path(folder) / "python"
        command.write_text(COMMAND.format(python=sys.executable, address=address))
        command.chmod(0o755)
        with Server(address, Program) as server:
            print(command, flush=True)
            server.serve_forever()


if __name__ == "__main__":
    try:
        serve()
    except SystemExit:
        os._exit(0)  # at once: taking the imports apart takes long, and tells of leaks in them
