"""Rows are shared out among threads: each exactly once."""

import threading

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from imprint.method.strips import HEIGHT, strips


@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 3000])
@pytest.mark.parametrize("at_once", [1, 100, None])
@pytest.mark.parametrize("alone", [True, False])
def test_each_row_is_in_one_strip(n, at_once, alone):
    seen, heights = np.zeros(n, int), []

    def count(rows):
        seen[rows] += 1
        heights.append(rows.stop - rows.start)

    with strips(n, at_once, alone=alone) as each:
        each(count)
        each(count)
    assert (seen == 2).all()
    assert max(heights, default=0) <= min(at_once or HEIGHT, HEIGHT)


def test_one_thread_takes_what_several_may_not_call():
    threads = set()
    with strips(3000, 100, alone=True) as each:
        each(lambda rows: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
@pytest.mark.parametrize(("n", "several"), [(999, False), (1000, True)])
def test_few_rows_start_no_threads(n, several):
    threads = set()
    with strips(n, many=1000) as each:
        each(lambda rows: threads.add(threading.get_ident()))
    assert (threading.get_ident() not in threads) == several


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_products_keep_to_the_core_of_their_thread():
    def blas():
        return {i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"}

    before, inside = blas(), []
    with strips(3000) as each:
        each(lambda rows: inside.append(blas()))
    assert all(threads == {1} for threads in inside)
    assert blas() == before


def test_an_error_in_a_strip_is_raised():
    def fail(rows):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), strips(3000) as each:
        each(fail)
