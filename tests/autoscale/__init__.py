"""A recorded run of autoscaling: a real Ray, a small random world, sessions without browsers."""
