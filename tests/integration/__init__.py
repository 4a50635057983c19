"""Whole flows: real SQLite files, real workers, real processes, real yt-dlp over real sockets."""
