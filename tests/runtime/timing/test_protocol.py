from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tlx.runtime.timing.protocol import Answer, Answers, Channel, Message, Ready, Samples, Turn, decode, encode


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    left_read, right_write = os.pipe()
    right_read, left_write = os.pipe()
    left, right = Channel(left_read, left_write), Channel(right_read, right_write)
    yield left, right
    left.close()
    right.close()


@pytest.mark.parametrize(
    "message",
    [
        Answer(),
        Turn(first=3, warm_up=1, calls=2),
        Ready("cpu", [1.5, 0.25]),
        Samples([1, 2], 3, 4, 5),
        # A float32 survives the way through decimal digits.
        Answers([[0.30000001192092896, 0.69999998807907104]]),
    ],
)
def test_decode_gives_back_what_was_encoded(message: Ready) -> None:
    assert decode(encode(message)) == message
    assert encode(message).count(b"\n") == 1


@pytest.mark.parametrize(
    "line", [b"noise", b"[]", b'{"type": "Nothing"}', b'{"type": "Ready"}', b'{"type": "Turn", "x": 1}']
)
def test_decode_refuses_what_is_no_message(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a message|Expecting value"):
        decode(line)


def test_channel_delivers_messages_in_order(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    left.send(Answer())
    left.send(Turn(1, 2, 3))
    assert right.receive(1) == Answer()
    assert right.receive(1) == Turn(1, 2, 3)


def test_channel_delivers_messages_larger_than_a_pipe_holds(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    large = Answers([[0.125] * 1000] * 100)
    sender = threading.Thread(target=left.send, args=(large,))
    sender.start()
    assert right.receive(10) == large
    sender.join()


def test_channel_times_out_on_silence_and_on_half_a_message(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    with pytest.raises(TimeoutError):
        right.receive(0.01)
    os.write(left._write_fd, b'{"type": "Ans')
    with pytest.raises(TimeoutError):
        right.receive(0.01)
    os.write(left._write_fd, b'wer"}\n')
    assert right.receive(1) == Answer()


def test_channel_tells_that_the_other_end_is_gone() -> None:
    read_fd, write_fd = os.pipe()
    channel = Channel(read_fd, os.open(os.devnull, os.O_WRONLY))
    os.close(write_fd)
    with pytest.raises(EOFError):
        channel.receive(1)
    channel.close()


@dataclass(frozen=True, slots=True)
class Elsewhere(Message):
    """A message that another module adds."""

    figure: int


def test_messages_of_other_modules_are_known_too() -> None:
    assert decode(encode(Elsewhere(3))) == Elsewhere(3)
