"""What users register and what their handlers receive and raise."""
