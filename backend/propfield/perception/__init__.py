"""Picture → Observation: detect, segment, keypoints, body fit, camera."""
