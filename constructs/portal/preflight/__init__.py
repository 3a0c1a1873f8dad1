"""What has to be true before a deploy and that no test of the code can know."""
