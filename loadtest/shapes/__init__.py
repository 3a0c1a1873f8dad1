"""What is offered, when: the profiles, and the shape that makes Locust follow them."""
