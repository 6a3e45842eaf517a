"""Timeloop 0.3 files: reading them, writing ours as such, and reporting with their names."""

from leanspike.hardware.timeloop.read import TimeloopInput as TimeloopInput
from leanspike.hardware.timeloop.read import read_timeloop as read_timeloop

__all__ = ["TimeloopInput", "read_timeloop"]
