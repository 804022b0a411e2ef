"""The search for a recipe: what may be chosen, what is proposed, what is stopped, what is taken."""
