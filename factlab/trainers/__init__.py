"""Training data and settings as other trainers read them: TRL, Unsloth, Axolotl, LLaMA-Factory."""
