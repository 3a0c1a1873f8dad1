"""Journeys of the portal's visitors, one file each."""
