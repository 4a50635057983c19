"""YouTube's task types, through yt-dlp."""
