"""Trains one adapter on TRL's SFTTrainer, with loss on the answer tokens only."""
