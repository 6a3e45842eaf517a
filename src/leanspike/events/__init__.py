"""Recordings in, frames out: `load_data` is the way through this room."""

from leanspike.events.collecting import DataReading as DataReading
from leanspike.events.collecting import batch_first as batch_first
from leanspike.events.collecting import collect as collect
from leanspike.events.collecting import frames_of as frames_of
from leanspike.events.collecting import split_of as split_of
from leanspike.events.frame_cache import keep_frames as keep_frames
from leanspike.events.frame_data import FrameData as FrameData
from leanspike.events.frame_data import FrameSplit as FrameSplit
from leanspike.events.frames import FrameConfig as FrameConfig
from leanspike.events.frames import make_frames as make_frames
from leanspike.events.load import load_data as load_data
from leanspike.events.recordings import Recordings as Recordings
from leanspike.events.sources.dvs_gesture import convert_gestures as convert_gestures
from leanspike.events.sources.npz import read_archive as read_archive
from leanspike.events.sources.npz import write_archive as write_archive
