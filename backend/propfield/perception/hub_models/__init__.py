"""Models in the transformers package's format: boxes, masks and keypoints from a folder of weights.

They are loaded from folders alone: nothing here asks a hub for anything.
"""
