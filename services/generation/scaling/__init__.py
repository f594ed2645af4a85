"""How many replicas a world needs: the rules, and their adapter for Ray Serve."""
