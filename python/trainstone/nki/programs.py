"""The programs of a grid, recorded one after the other; they take turns where they wait for each other.

Each program runs on a thread of its own, one at a time: it goes on until it ends or waits at a barrier. The programs of
one NeuronCore are recorded into one stream of instructions; where programs of two cores wait for each other, those of both.
"""

import threading

from trainstone.nki import errors


class _Stopped(BaseException):
    """Unwinds a program after another one has failed."""


class OneStream(BaseException):
    """A program of one core waits for one of another: all of them are recorded into one stream instead."""


class Programs:
    def __init__(self, run, indices, has_others=False):
        self.run, self.indices, self.has_others = run, indices, has_others
        self.turn = threading.Condition()
        self.current, self.live, self.failure = 0, set(), None
        self.returned = [None] * len(self.indices)
        self.posted = {}

    def record(self, body):
        """body() once for each program; what the first one returned."""
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
        except BaseException as error:  # told by the thread that recorded the kernel
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

    def barrier(self):
        """Lets every other program come as far."""
        if self.has_others:
            raise OneStream
        if len(self.live) < 2:
            return
        number, state = self.current, (self.run.program, self.run.shared_at)
        with self.turn:
            self._pass_on()
        self._await(number)
        self.run.program, self.run.shared_at = state

    def exchanged(self, value, sender):
        """What the program `sender` gave in its call of this."""
        number = self.current
        if self.has_others:
            raise OneStream
        if sender not in self.live or len(self.live) < 2:
            raise errors.NkiValidationError(f"program {number} waits for program {sender}, which does not run",
                                            self.run.where(), "launch the kernel as kernel[2]", "sendrecv")
        self.posted[number] = value
        self.barrier()
        return self.posted[sender]
