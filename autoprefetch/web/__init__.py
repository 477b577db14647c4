"""Where people meet it in the browser and in the logs of a server."""
