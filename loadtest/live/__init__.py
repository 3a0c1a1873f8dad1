"""A run while it goes on: what is known of it now, as metrics of Prometheus and as tabs of Locust's web UI."""
