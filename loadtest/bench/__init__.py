"""What the load test itself costs."""
