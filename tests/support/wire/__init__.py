"""Wire formats of model endpoints: pure functions from a scripted reply to bytes."""
