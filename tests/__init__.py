"""Tests; their threads wait as those of commands and jobs do, since several tests run at a time."""

import os

from imprint.processor import wait_without_core

wait_without_core()
# the servers that tests run are asked directly, whatever proxy this machine has
os.environ.update(dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1"))
