"""What workers do in tests of engines that give them several items at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

PATIENCE_S = 60.0  # for what happens within a second on an idle machine


def meet(barrier: threading.Barrier, item: int) -> int:
    """Begin, and end only when others have begun beside it."""
    barrier.wait(PATIENCE_S)
    return os.getpid()


class Room:
    """A tool that notes who is in its process, and lets the first of them meet."""

    def __init__(self, folder: Path, seats: int) -> None:
        self.folder = folder
        self.first = threading.Barrier(seats)
        self.inside: set[str] = set()
        self.noting = threading.Lock()

    def enter(self, item: int) -> int:
        """Note an item, and those it is beside; return which try it is."""
        number = 1 + len(list(self.folder.glob(f"{item}-*")))
        with self.noting:
            self.inside.add(f"{item}-{number}")
            (self.folder / f"{item}-{number}").write_text(" ".join(self.inside))
        return number

    def leave(self, item: int, number: int) -> int:
        """Return the item, after a while in which others could come in."""
        time.sleep(0.2)
        with self.noting:
            self.inside.remove(f"{item}-{number}")
        return item


def die_amid_others(room: Room, item: int) -> int:
    """Items 0, 1 and 2 meet, and 1 ends the process; alone, it does so again. Items 3, 4 and 5 meet as well."""
    number = room.enter(item)
    if item in range(6) and number == 1:
        room.first.wait(PATIENCE_S)
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if item in (0, 2) and number == 1:
        time.sleep(PATIENCE_S)
    return room.leave(item, number)


def innocents_are_tried_alone(folder: Path, errors: dict[int, str | None]) -> bool:
    """Whether of eight items done by `die_amid_others` only the second is given up, and second tries had no company."""
    beside = company(folder)
    again = {"0-2", "1-2", "2-2"}

    assert [1] == [item for item, error in errors.items() if error]
    assert set(range(8)) == set(errors)
    assert {f"{item}-1" for item in range(8)} | again == set(beside)
    assert {"0-1", "1-1", "2-1"} in beside.values(), "they were not side by side to begin with"
    assert {"3-1", "4-1", "5-1"} in beside.values(), "nobody was side by side afterwards"
    return all(names == {name} for name, names in beside.items() if names & again)


def company(folder: Path) -> dict[str, set[str]]:
    """Who was in the process when an item began, by item and try, itself included."""
    return {note.name: set(note.read_text().split()) for note in folder.iterdir()}


def hang_once_beside(room: Room, item: int) -> int:
    """Item 0 hangs the first time."""
    number = room.enter(item)
    if item == 0 and number == 1:
        time.sleep(10 * PATIENCE_S)
    return room.leave(item, number)


def pid_of(tool: object, item: float) -> int:
    """Take some seconds; say where."""
    time.sleep(item)
    return os.getpid()


def seats_noted(folder: Path) -> int:
    """Two, and a note of who was asked."""
    (folder / f"asked-{os.getpid()}").touch()
    return 2


def meet_other_process(folder: Path, tool: object, item: int) -> int:
    """End only when items have begun in two processes."""
    (folder / str(os.getpid())).touch()
    until = time.monotonic() + PATIENCE_S
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < until, "the other worker got no item"
        time.sleep(0.02)
    return os.getpid()


def gone(pid: int, within_s: float = 10) -> bool:
    """Whether a process ends in that time."""
    until = time.monotonic() + within_s
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
