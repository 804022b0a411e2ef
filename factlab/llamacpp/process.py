"""The process that holds a GGUF file in llama.cpp; started by `server.py`, never imported.

Prints the address that it serves at, and ends when its standard input is closed.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Serve the file named on the command line, to this machine alone."""
    import xllamacpp

    file, context, threads = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.n_ctx = int(context)
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = int(threads)
    params.cpuparams_batch.n_threads = int(threads)
    # A prompt continued from a cached one is summed in another order, which can change a token.
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.fit_params = False
    params.ui = False
    params.verbosity = 1  # errors
    server = xllamacpp.Server(params)
    print(f"serving {server.listening_address}", flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    main()
