"""What a field is good for: reconstruction from one photo, (later) prop placement."""
