"""Signals of a run at work."""

import os
import signal
import threading
import time

import pytest

from imprint.study import running


@pytest.fixture
def handler():
    """Restores the handler of SIGUSR1."""
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_a_handler_that_takes_a_lock_does_not_wait_for_what_it_interrupts(handler):
    lock, handled = threading.Lock(), threading.Event()

    def locking(number, frame):
        with lock:
            handled.set()

    signal.signal(signal.SIGUSR1, locking)
    running.handle_in_a_thread(signal.SIGUSR1)
    with lock:
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.05)  # in the main thread, which the handler would interrupt here
        assert not handled.is_set()
    assert handled.wait(timeout=60)


def test_a_signal_without_a_handler_stays_as_it_is(handler):
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    running.handle_in_a_thread(signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
