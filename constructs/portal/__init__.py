"""The portal platform: typed environments in, Terraform JSON for three clouds out."""
