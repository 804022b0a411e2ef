"""A GGUF file in llama.cpp: read back after an export, or asked as a model of its own.

server        the file held by several processes: chats, answers, likelihoods
process       one such process
"""
