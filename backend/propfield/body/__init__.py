"""The person: template, skeleton, skinning, shape, and the loaders of bodies."""
