"""The programs of a grid, recorded one after the other, or in turns when they wait for each other.

Each program has a thread of its own, but only one runs at a time, until it ends or waits at a barrier. The programs of
one NeuronCore are recorded into one stream of instructions. When a single program on each of two cores waits for the
other, the waits are instructions in the two streams; with more programs, those of both cores are recorded into one
stream.
"""

import itertools
import math
import threading

from trainstone.nki import errors
from trainstone.nki import instructions as isa
from trainstone.nki.native import FREE


class _Stopped(BaseException):
    """Unwinds a program after another one has failed."""


class OneStream(BaseException):
    """Raised when programs of several cores need values from each other: all are recorded into one stream instead."""


def check_meetings(runs):
    """Checks that the programs of all cores meet equally often, and for the same purpose."""
    for number, meetings in enumerate(itertools.zip_longest(*(run.meetings for run in runs))):
        names = {meeting and meeting[0] for meeting in meetings}
        if len(names) > 1:
            core = next(i for i, meeting in enumerate(meetings) if meeting)
            others = ", ".join(meeting[0] if meeting else "no more" for i, meeting in enumerate(meetings) if i != core)
            what, where = meetings[core]
            raise errors.NkiValidationError(
                f"meeting {number} of core {core} with the other core is {what}, that of the other core is "
                f"{others}", where,
                "let both programs call core_barrier and sendrecv in the same order", "core_barrier")


class Programs:
    def __init__(self, run, indices, has_others=False):
        self.run, self.indices, self.has_others = run, indices, has_others
        self.turn = threading.Condition() if len(indices) > 1 or has_others else None
        self.current, self.live, self.failure = 0, set(), None
        self.returned = [None] * len(self.indices)
        self.posted = {}

    def record(self, body):
        """Calls body() once for each program. Returns the first call's result."""
        if len(self.indices) == 1:
            self.run.start_program(self.indices[0])
            return body()
        self.live = set(range(len(self.indices)))
        threads = [threading.Thread(target=self._program, args=(i, body)) for i in range(len(self.indices))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure:
            raise self.failure
        return self.returned[0]

    def _program(self, number, body):
        try:
            self._await(number)
            self.run.start_program(self.indices[number])
            self.returned[number] = body()
        except _Stopped:
            pass
        except BaseException as error:  # reported by the thread that recorded the kernel
            self.failure = self.failure or error
        with self.turn:
            self.live.discard(number)
            self._pass_on()

    def _await(self, number):
        with self.turn:
            self.turn.wait_for(lambda: self.current == number or self.failure)
            if self.failure:
                raise _Stopped

    def _pass_on(self):
        after = [i for i in range(self.current + 1, len(self.indices)) if i in self.live]
        waiting = after or sorted(self.live)
        if waiting:
            self.current = waiting[0]
        self.turn.notify_all()

    def _note(self, what):
        """Notes a meeting with the other core's program, which must reach the same one."""
        if len(self.indices) > 1:
            raise OneStream
        self.run.meetings.append((what, self.run.where()))

    def core_barrier(self, data, engine):
        """Waits until every program has come here; `data` is what they exchange."""
        if not self.has_others:
            self.barrier()
            return
        self._note("core_barrier")
        whole = data._with([(1, math.prod(data.tensor.shape), FREE)], offset=0)
        isa.core_signal(whole, engine)
        isa.core_wait(whole, engine)

    def sendrecv(self, dst, src, partner, engine):
        """dst = the partner's src in the same call."""
        if not self.has_others:
            isa.dma_copy(dst, self._exchanged(src, partner))
            self.barrier()
            return
        self._note(f"sendrecv of {src.shape} {src.dtype}")
        isa.exchange(dst, src, engine)

    def barrier(self):
        """Waits until every other program of the stream has come here."""
        if len(self.live) < 2:
            return
        number, state = self.current, (self.run.program, self.run.shared_at)
        with self.turn:
            self._pass_on()
        self._await(number)
        self.run.program, self.run.shared_at = state

    def _exchanged(self, value, sender):
        """The value that the program `sender` passed in its call."""
        number = self.current
        if sender not in self.live or len(self.live) < 2:
            raise errors.NkiValidationError(f"program {number} waits for program {sender}, which does not run",
                                            self.run.where(), "launch the kernel as kernel[2]", "sendrecv")
        self.posted[number] = value
        self.barrier()
        return self.posted[sender]
