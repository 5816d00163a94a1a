"""The data set between perceiving and learning: one schema whatever the source, its store, the filters."""
