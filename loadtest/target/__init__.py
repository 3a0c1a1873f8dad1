"""What the load test runs against where there is no cluster: a real Backstage behind a stand-in of the frontend."""
