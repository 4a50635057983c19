"""What a task can be: plugins that scrape, the registry that finds them, and YouTube's own."""
