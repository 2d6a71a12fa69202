"""Python in the browser: what is put together for it, and how."""
