"""The web interface: pages made on the server from the same documents as the API's answers. They load files from this server only."""
