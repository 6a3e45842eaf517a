"""Synthetic gestures before a simulated event camera, in place of DVS128 Gesture."""

from leanspike.events.simulator.gestures import Part as Part
from leanspike.events.simulator.gestures import Take as Take
from leanspike.events.simulator.gestures import gesture_frames as gesture_frames
from leanspike.events.simulator.gestures import gesture_labels as gesture_labels
from leanspike.events.simulator.gestures import gesture_takes as gesture_takes
from leanspike.events.simulator.gestures import gestures_fingerprint as gestures_fingerprint
from leanspike.events.simulator.gestures import simulate_gesture as simulate_gesture
