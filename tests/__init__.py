"""Tests; their threads wait as those of commands and jobs do, since several tests run at a time."""

from imprint.processor import wait_without_core

wait_without_core()
