"""Synthetic gestures before a simulated event camera, in place of DVS128 Gesture."""

from leanspike.events.gestures.simulate import Part as Part
from leanspike.events.gestures.simulate import Take as Take
from leanspike.events.gestures.simulate import gesture_frames as gesture_frames
from leanspike.events.gestures.simulate import gesture_labels as gesture_labels
from leanspike.events.gestures.simulate import gesture_takes as gesture_takes
from leanspike.events.gestures.simulate import gestures_fingerprint as gestures_fingerprint
from leanspike.events.gestures.simulate import simulate_gesture as simulate_gesture
