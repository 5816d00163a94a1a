"""HTTP over jobs and fields, on loopback."""
