"""How many threads fits have, also where they overlap."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread, current_thread, main_thread
from time import sleep

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_htc import threads
from sklearn_htc.threads import on_threads, resolve_n_threads, torch_threads


def counts():
    pools = threadpool_info()
    of_blas = {each["num_threads"] for each in pools if each["user_api"] == "blas"}
    return torch.get_num_threads(), of_blas


def of_openmp():
    """Return the numbers of scikit-learn's threads, and others', but not torch's."""
    pools = threadpool_info()
    return [
        each["num_threads"]
        for each in pools
        if each["user_api"] == "openmp" and "torch" not in each["filepath"]
    ]


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with threadpool_limits(2, user_api="blas"):
        yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_the_callers_number_comes_back():
    assert counts() == (2, {2})
    with torch_threads(1):
        assert counts() == (1, {1})
    assert counts() == (2, {2})
    with pytest.raises(ZeroDivisionError), torch_threads(1):
        raise ZeroDivisionError
    assert counts() == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_linear_algebra_is_limited_where_torch_is_already():
    torch.set_num_threads(1)
    with torch_threads(1):
        assert counts() == (1, {1})
    assert counts() == (1, {2})


@pytest.mark.usefixtures("two_threads")
def test_fits_that_overlap_leave_the_callers_number():
    first, second = torch_threads(1), torch_threads(1)
    with first:
        second.__enter__()
    assert counts() == (1, {1})
    second.__exit__(None, None, None)
    assert counts() == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_fits_that_overlap_in_other_threads_leave_each_threads_number():
    began, may_end = Event(), Event()

    def first():
        before = of_openmp()
        with torch_threads(1):
            began.set()
            may_end.wait(60)
        return counts()[0], before, of_openmp()

    with ThreadPoolExecutor(2) as pool:
        try:
            of_first = pool.submit(first)
            assert began.wait(60)
            with torch_threads(1):
                may_end.set()
                of_torch, before, after = of_first.result(60)
        finally:
            may_end.set()
        assert of_torch == 2
        assert after == before
        # The thread that began first is alive still.
        assert counts() == (2, {2})
        assert pool.submit(counts).result(60) == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_a_thread_with_a_number_of_its_own_gets_it_back():
    def other():
        torch.set_num_threads(3)
        with torch_threads(1):
            pass
        return torch.get_num_threads()

    with torch_threads(1), ThreadPoolExecutor(1) as pool:
        assert pool.submit(other).result(60) == 3
    assert counts() == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_a_new_thread_gets_the_callers_number_after_a_fit_within_a_fit():
    def other():
        with torch_threads(1):
            pass
        return torch.get_num_threads()

    with torch_threads(1):
        with torch_threads(3):
            pass
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(other).result(60) == 2
    assert counts() == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_a_fit_within_a_fit_ends_before_it():
    with torch_threads(3):
        with torch_threads(1):
            pass
        assert torch.get_num_threads() == 3
    with torch_threads(1):
        with torch_threads(1):
            pass
        assert counts() == (1, {1})
    assert counts() == (2, {2})


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_items", [0, 1, 2, 5])
def test_items_have_one_thread_each_and_keep_their_order(n_items):
    def work(item):
        return item, torch.get_num_threads()

    n_threads = 2 if n_items == 1 else 1
    expected = [(item, n_threads) for item in range(n_items)]
    assert on_threads(work, range(n_items)) == expected
    assert counts() == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_other_threads_keep_torchs_number_while_items_are_worked_on():
    def work(_):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result(60)

    assert on_threads(work, range(4)) == [2, 2, 2, 2]


@pytest.mark.usefixtures("two_threads")
def test_items_are_worked_on_at_once():
    both = Barrier(2)
    # Neither gets on without the other.
    assert on_threads(lambda _: both.wait(60) >= 0, range(2)) == [True, True]


@pytest.mark.usefixtures("two_threads")
def test_no_more_items_at_a_time_than_may_be():
    def work(_):
        return current_thread()

    assert on_threads(work, range(3), most=1) == [current_thread()] * 3


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("fault", ["no thread", "Ctrl-C"])
def test_threads_that_can_not_all_begin_leave_nothing_behind(fault, monkeypatch):
    start, started = Thread.start, []

    def start_one(thread):
        started.append(thread)
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    class Interrupted(Barrier):
        def wait(self, timeout=None):
            if current_thread() is main_thread():
                raise KeyboardInterrupt
            return super().wait(timeout)

    with monkeypatch.context() as patched:
        if fault == "no thread":
            patched.setattr(Thread, "start", start_one)
        else:
            patched.setattr(threads, "Barrier", Interrupted)
        error = RuntimeError if fault == "no thread" else KeyboardInterrupt
        with pytest.raises(error):
            on_threads(lambda item: item, range(4))
    assert counts() == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_an_error_of_an_item_ends_the_others_and_brings_the_number_back():
    done = []

    def work(item):
        if item == 1:
            raise ZeroDivisionError
        done.append(item)
        sleep(0.01)

    with pytest.raises(ZeroDivisionError):
        on_threads(work, range(200))
    assert len(done) < 199
    assert counts() == (2, {2})


def test_a_new_thread_counts_the_callers_threads_and_not_those_of_a_fit():
    found = []
    with torch_threads(1):
        thread = Thread(target=lambda: found.append(resolve_n_threads(None)))
        thread.start()
        thread.join()
    assert found == [torch.get_num_threads()]
