"""How figures are shown: text, Markdown, JUnit, pictures, the site."""
