"""The third parties that become slow or fail."""
