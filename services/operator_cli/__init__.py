"""`nextframe`: what operators ask and do, from any machine that reaches the session service."""
