"""Code that runs in the clouds' functions. It imports nothing of this project but itself: it is shipped alone."""
