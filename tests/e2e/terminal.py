"""A command on a terminal of a certain size, and what a person sees there."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

PART = re.compile(r"\033\[[0-9;?]*[A-Za-z]|.", re.S)
CUT = re.compile(r"\033(\[[0-9;?]*)?$")


class Terminal:
    """Knows what orrery writes: home, clear, and text, which wraps and scrolls; `strange` is whatever else it was sent."""

    def __init__(self, command, rows, columns):
        self.rows, self.columns = rows, columns
        self.screen, self.at, self.clears, self.strange = [""] * rows, (0, 0), 0, []
        self.decode, self.cut = codecs.getincrementaldecoder("utf-8")().decode, ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir("/")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvp(command[0], list(map(str, command)))

    def read(self, seconds):
        """Takes what comes within so long; false when the command has ended."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:  # nobody has the terminal any more
                    return False
                self.show(self.cut + self.decode(data))
        return True

    def sees(self, condition, seconds):
        """Reads until `condition()` holds, in calm: between two frames."""
        until = time.monotonic() + seconds
        while not condition() and time.monotonic() < until and self.read(0.1):
            pass
        return condition()

    def show(self, text):
        self.cut = (CUT.search(text) or [""])[0]
        for part in PART.findall(text.removesuffix(self.cut)):
            if part == "\033[H":
                self.at = (0, 0)
            elif part == "\033[2J":
                self.screen = [""] * self.rows
                self.clears += 1
            elif part == "\n":
                self.line_feed()
            elif part == "\r":
                self.at = (self.at[0], 0)
            elif part.startswith("\033"):
                self.strange.append(part)
            else:
                if self.at[1] == self.columns:
                    self.line_feed()
                row, column = self.at
                line = self.screen[row].ljust(column)
                self.screen[row] = line[:column] + part + line[column + 1:]
                self.at = (row, column + 1)

    def line_feed(self):
        """To the begin of the line after this one; at the last the others go up."""
        self.at = (self.at[0] + 1, 0)
        if self.at[0] == self.rows:
            self.screen = [*self.screen[1:], ""]
            self.at = (self.rows - 1, 0)

    def lines(self):
        return [line for line in self.screen if line]

    def interrupt(self):
        """Ctrl-C; the status as os.waitpid has it, None when it goes on."""
        os.write(self.fd, b"\x03")
        self.read(5)
        with contextlib.suppress(ChildProcessError):
            for _ in range(50):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    os.close(self.fd)
                    return status
                time.sleep(0.1)
        return None
