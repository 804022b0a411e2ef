"""What groups of layers are called in the families of models that people tune."""

from __future__ import annotations

ALL_LINEAR = "all-linear"
TARGETS = {
    "qv": ("q_proj", "v_proj"),
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "qkv_proj", "c_attn"),
    "mlp": ("gate_proj", "up_proj", "down_proj", "gate_up_proj", "fc1", "fc2", "c_fc"),
}
