"""Interruptions that wait."""

from __future__ import annotations

import signal
import threading

import pytest

from network.training.signals import DeferredInterrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_and_then_goes_to_whom_it_was_for(number: signal.Signals) -> None:
    seen: list[int] = []
    before = signal.signal(number, lambda received, _frame: seen.append(received))
    try:
        with DeferredInterrupts() as interrupts:
            signal.raise_signal(number)
            assert interrupts.received
            assert not seen
            interrupts.deliver()
            assert seen == [number]
        signal.raise_signal(number)
        assert seen == [number, number]
    finally:
        signal.signal(number, before)


def test_a_second_one_does_not_wait() -> None:
    interrupts = DeferredInterrupts()
    with interrupts:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_patient_wait_for_every_one() -> None:
    with DeferredInterrupts(patient=True) as interrupts:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.deliver()


def test_without_a_signal_nothing_is_delivered() -> None:
    with DeferredInterrupts() as interrupts:
        interrupts.deliver()
    assert not interrupts.received


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with DeferredInterrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            assert not interrupts.received
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone() -> None:
    handlers = []

    def use() -> None:
        with DeferredInterrupts():
            handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert handlers == [before]
