"""Makes the ads: one file per stage, in the order plan, generate, narrate, caption, compose, check, review, publish."""
