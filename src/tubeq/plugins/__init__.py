"""Task types: plugins that scrape, the registry that finds them, and the YouTube plugins."""
