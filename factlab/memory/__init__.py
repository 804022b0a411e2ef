"""What a model takes in memory, counted from its config alone: nothing is loaded.

The way in: a shape, a workload, and `predict_memory`.

    from factlab.memory import Batch, Workload, predict_memory
    from factlab.memory.named_shape import named_shape

    shape = named_shape("7b").shape
    workload = Workload(method="lora", precision="nf4", device="cuda", batch=Batch(4, 512))
    predict_memory(shape, workload).peak  # bytes

    named_shape   a model's name → its shape (`known` lists models by name and size)
    shapes        a config → parameters, layer by layer
    predict       shape and workload → bytes by part
    activations   the part that depends on the batch, operation by operation
    machine       the memory that this machine has
    rows          workloads side by side, as `factlab plan` shows them
    tutorials     what tutorials say of a 7B model, beside our figures
"""

from factlab.memory.activations import Batch
from factlab.memory.predict import Memory, Workload, predict_memory

__all__ = ["Batch", "Memory", "Workload", "predict_memory"]
