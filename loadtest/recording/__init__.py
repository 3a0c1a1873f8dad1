"""What happened in a run, kept without loss: histograms on each worker, merged on the master."""
