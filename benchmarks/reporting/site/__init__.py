"""What the published pages are made of: templates, style, and what fills them."""
