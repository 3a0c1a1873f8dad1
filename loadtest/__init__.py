"""The load test of the portal: a Locust suite that proves latency and autoscaling."""
