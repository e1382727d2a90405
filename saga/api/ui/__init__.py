"""The web interface: pages made on the server from the same documents as the API's answers. No build step, nothing from elsewhere."""
