"""Pictures of what is inside trained networks: ghost maps, similar maps, attention."""
