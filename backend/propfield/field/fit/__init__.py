"""The second estimator: a field that explains the masks, where voting only counts them."""
